"""Which model server is asked, over all processes: the registry as it is known, places, the line, tries."""
