"""File formats, one module a family. Only the child process `heartsim.mesh.worker` opens files."""
