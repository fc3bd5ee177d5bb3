# rebuild DIR PACKAGE: has each lambda compile a library again, unless it is certain that its build script wrote nothing beside
# its sources: that is gone with this step.
rebuild() {
  if find "$1" -newer /tmp/start -type f >/tmp/written && [ ! -s /tmp/written ]; then return; fi
  clean "$2"
}
