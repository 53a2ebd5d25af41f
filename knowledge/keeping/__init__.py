"""What keepers of knowledge have to do: what waits for them, what people ask in vain, how documents are used."""
