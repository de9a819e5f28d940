"""One file for each origin of data. Past a source everything is metric and valid."""
