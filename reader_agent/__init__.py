"""One process per station: drivers, presence, journal, sync and the mirror of the district."""
