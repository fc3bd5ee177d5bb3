package pattern

// maxParts is how many parts a key of TOML has at most: readers take a time that grows with their square.
const maxParts = 1000

// LongKey reports that a text of TOML has, in a line, more words with dots between them than a key of a person has.
func LongKey(data []byte) bool {
	parts, word := 0, false
	for _, c := range data {
		switch {
		case c == '.':
			if parts++; !word {
				parts = 0
			}
			word = false
		case c == '_' || c == '-' || c == '"' || c == '\'' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80:
			word = true
		case c != ' ' && c != '\t':
			parts, word = 0, false
		}
		if parts >= maxParts {
			return true
		}
	}
	return false
}
