"""Hardware descriptions: validated chip files, micro-code programs, prices."""
