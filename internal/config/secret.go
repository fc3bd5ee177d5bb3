package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lpipe/internal/pattern"
)

var envPattern = pattern.Of(`^[A-Za-z_][A-Za-z0-9_]*$`)

// owned are variables that lpipe or one of its keys sets, so a value here would be lost or break the build.
var owned = map[string]string{
	"RUSTFLAGS":               "set rustflags instead",
	"CARGO_ENCODED_RUSTFLAGS": "set rustflags instead",
	"CARGO_BUILD_RUSTFLAGS":   "set rustflags instead",
	"CARGO_BUILD_TARGET":      "set target instead",
	"CARGO_TARGET_DIR":        "leave it out: lpipe has a place of its own",
	"CARGO_BUILD_TARGET_DIR":  "leave it out: lpipe has a place of its own",
	"CARGO_BUILD_BUILD_DIR":   "leave it out: lpipe has a place of its own",
	"CARGO_HOME":              "leave it out: the base image knows it",
	"RUSTUP_HOME":             "leave it out: the base image knows it",
}

func checkEnvName(_, name string) (why, fix string) {
	if !envPattern().MatchString(name) {
		return "a variable has letters, digits and _ only, and does not start with a digit", "rename it"
	}
	if fix, ok := owned[name]; ok {
		return "lpipe sets it itself", fix
	}
	if strings.HasPrefix(name, LateArg) {
		return "lpipe sets it itself", "rename it"
	}
	return "", ""
}

const secretFix = "what cargo needs for fetching goes to the fetch step alone, as CARGO_REGISTRIES_NAME_TOKEN in lpipe's environment or by [ssh]; " +
	"what the function needs belongs in its configuration on Lambda"

func checkEnv(name, v string) (why, fix string) {
	switch {
	case SecretName(name) && !harmless(v):
		return "the name looks like that of a secret, and what a build sees stays in its layers and caches", secretFix
	case secretValue(v):
		return "the value looks like a secret, and what a build sees stays in its layers and caches", secretFix
	case strings.ContainsAny(v, "\x00\r\n"), !utf8.ValidString(v):
		return "the value holds a line break or NUL, or is not UTF-8", "put it into a file of the project, which the build reads"
	default:
		return "", ""
	}
}

var (
	secretWord = pattern.Of(`(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?$`)
	secretPair = pattern.Of(`(PRIVATE|API|ACCESS|SIGNING|ENCRYPTION|DEPLOY|SSH)_?KEYS?(_|$)`)
)

// SecretName is true for GITHUB_TOKEN, PGPASSWORD and AWS_ACCESS_KEY_ID, and false for TOKENIZERS_PARALLELISM.
func SecretName(name string) bool {
	name = strings.ToUpper(name)
	for word := range strings.SplitSeq(name, "_") {
		if secretWord().MatchString(word) {
			return true
		}
	}
	return secretPair().MatchString(name)
}

// harmless is true for the values of switches and limits, such as MAX_TOKENS = "4096".
func harmless(v string) bool {
	if _, err := strconv.ParseBool(v); err == nil || v == "" {
		return true
	}
	_, err := strconv.ParseUint(v, 10, 16)
	return err == nil
}

// secretPatterns are the forms that the issuers document for their tokens, private keys, and URLs with a password.
var secretPatterns = pattern.Of(strings.Join([]string{
	`-----BEGIN`,
	`\b(AKIA|ASIA)[A-Z0-9]{16}\b`, // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
	`\bgh[pousr]_[A-Za-z0-9]{16}`, // https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
	`\bgithub_pat_`,
	`\bglpat-`,               // https://docs.gitlab.com/security/tokens/#token-prefixes
	`\bxox[abprs]-`,          // Slack
	`\bsk_live_`,             // Stripe
	`\bcio[A-Za-z0-9]{32}\b`, // crates.io
	`://[^/\s:@]*:[^/\s@]+@`,
}, "|"))

var wordPattern = pattern.Of(`[A-Za-z0-9_]+`)

// secretText is true for a line of a file with the name or the value of a secret.
func secretText(line string) bool {
	return secretValue(line) || slices.ContainsFunc(wordPattern().FindAllString(line, -1), SecretName)
}

func secretValue(v string) bool { return secretPatterns().MatchString(v) }

// show quotes a value for a message: shortened, and not at all when it looks like a secret.
func show(v string) string {
	if secretValue(v) {
		return "this value, which looks like a secret"
	}
	return fmt.Sprintf("%q", cut(v))
}

// cut shortens v to what fits beside the rest of a message.
func cut(v string) string {
	const most = 80
	if r := []rune(v); len(r) > most {
		return string(r[:most]) + "…"
	}
	return v
}
