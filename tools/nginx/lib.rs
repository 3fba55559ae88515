// Nothing: the package names a dependency.
