"""Pictures of results: the only place that draws, and the only importer of pyvista."""
