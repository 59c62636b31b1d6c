"""What a run leaves behind: versioned records in content-addressed directories, and the manifest that names them."""
