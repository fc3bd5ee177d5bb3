package cache

import "maps"

// Defaults lays under an export what serves CI best; what e says itself stays. All layers are kept, not only
// those of the result; zstd at level 3 is smaller than gzip at 6 for a fifth of the work; and a build whose
// cache cannot be stored is still a good build.
//
// force-compression is left alone on purpose: it would compress the layers of the base image again.
func Defaults(e Entry) Entry {
	defaults := map[string]string{"mode": "max", "ignore-error": "true"}
	switch e.Type {
	case "registry", "local":
		defaults["oci-mediatypes"] = "true"
		// The level belongs to zstd, and zstd to OCI's media types.
		if c, given := e.Attrs["compression"]; (!given || c == "zstd") && !isFalse(e.Attrs["oci-mediatypes"]) {
			defaults["compression"], defaults["compression-level"] = "zstd", "3"
		}
	case "inline":
		delete(defaults, "mode")
	}
	maps.Copy(defaults, e.Attrs)
	return Entry{e.Type, defaults}
}

// Warnings returns what is allowed in an entry and seldom meant.
func (e Entry) Warnings() []string {
	var all []string
	if v, ok := e.Attrs["force-compression"]; ok && !isFalse(v) {
		all = append(all, "force-compression=true compresses the layers of the base image again, in every build: leave it out")
	}
	if c := e.Attrs["compression"]; (c == "zstd" || c == "estargz") && isFalse(e.Attrs["oci-mediatypes"]) {
		all = append(all, "compression="+c+" needs oci-mediatypes=true: Docker's media types do not know it")
	}
	return all
}
