package inventory

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// Deployed are the functions on AWS, each with what is stated of its code, whose digests in base64 are by the names of the functions;
// unknown are those about whose code nothing is stated. Both are in the order of the names.
func Deployed(stated []Function, codes map[string]string) (all []Function, unknown []string) {
	by := map[string]Function{}
	for _, f := range stated {
		if sum, err := hex.DecodeString(f.SHA256); err == nil && len(sum) > 0 {
			by[base64.StdEncoding.EncodeToString(sum)] = f
		}
	}
	for name, code := range codes {
		f, ok := by[code]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		f.Name = name
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(unknown)
	return all, unknown
}

// Match is a crate in a function that was asked for, or that an advisory concerns.
type Match struct {
	Function string    `json:"function"`
	From     string    `json:"from"`
	Crate    Crate     `json:"crate"`
	Advisory *Advisory `json:"advisory,omitempty"`
}

// Find are the crates that the queries and the advisories are about, in the order of the functions: with both, those that are in
// question by both.
func Find(functions []Function, queries []Query, advisories []Advisory) []Match {
	all := []Match{} // also where there is none: as JSON it is a list
	for _, f := range functions {
		for _, c := range f.Crates {
			asked := slices.ContainsFunc(queries, func(q Query) bool { return q.Holds(c) })
			if asked && len(advisories) == 0 {
				all = append(all, Match{f.Name, f.From, c, nil})
			}
			for i := range advisories {
				if advisories[i].Concerns(c) && (asked || len(queries) == 0) {
					all = append(all, Match{f.Name, f.From, c, &advisories[i]})
				}
			}
		}
	}
	return all
}

// ByCrate are the names of the functions that contain each crate, in the order of the functions.
func ByCrate(functions []Function) map[Crate][]string {
	in := map[Crate][]string{}
	for _, f := range functions {
		for _, c := range f.Crates {
			in[c] = append(in[c], f.Name)
		}
	}
	return in
}
