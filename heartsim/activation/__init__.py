"""When and how hard each cell pulls."""
