"""The plugin machinery: hook specifications, discovery, options and one contract per kind of component."""
