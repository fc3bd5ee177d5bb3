package since

// OpenRevision is what the tests compare by themselves, which are not of this package because they take what package build includes.
var OpenRevision = openRevision
