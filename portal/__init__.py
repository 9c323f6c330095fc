"""The face: settings, addresses, pages, stylesheet."""
