"""From a waiting file to published passages: read, split, judged, embedded, published or held."""
