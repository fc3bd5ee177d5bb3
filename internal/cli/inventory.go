package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/inventory"
	"lpipe/internal/report"
)

func (a *app) inventoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inventory [PATH ...]",
		Short: "List which functions contain which crates",
		Long: `Read what is in functions from the statements beside their zips (lpipe build --statements), or from the list that cargo
auditable puts into a program. A PATH is a zip, a file of statements (CycloneDX, SPDX, or a bundle of in-toto), or a folder with
such files anywhere below; without one it is target/lambda here. Files are read, and nobody is asked.

With --deployed the functions are those on AWS, of the account and the region: each is what the statements with the digest of its code
say, wherever among the PATHs they are. Functions whose code no statement is about are named. --alias asks for what an alias of each
names in place of $LATEST.

Without a question each version of each crate is listed with the functions that contain it. With --crate the functions are
listed that contain one of the versions, which are written as in Cargo.toml: --crate 'openssl<3.0.15'. With --rustsec those
to which an advisory of RustSec applies, of a checkout of its database, each with the advisory and the versions that mend it.`,
	}
	crates := listFlag(cmd.Flags(), "crate", "`CRATE` that is looked for, with versions as in Cargo.toml: 'openssl<3.0.15'")
	rustsec := cmd.Flags().String("rustsec", "", "`DIR` with a checkout of RustSec's advisory-db")
	deployed := cmd.Flags().Bool("deployed", false, "ask AWS for the functions, and tell them by the digests of their code")
	alias := cmd.Flags().String("alias", "", "`ALIAS` of the functions whose code is meant, with --deployed")
	account := awsFlags(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		var queries []inventory.Query
		var l fault.List
		for _, text := range *crates {
			q, err := inventory.ParseQuery(text)
			if err != nil {
				l.Add(&fault.Error{Kind: fault.Usage, What: fmt.Sprintf("--crate %q cannot be read", text), Err: err, Fix: "write a name, and versions as in Cargo.toml: 'openssl<3.0.15'"})
			}
			queries = append(queries, q)
		}
		if err := l.Err(); err != nil {
			return err
		}
		paths := make([]string, len(args))
		for i, arg := range args {
			paths[i] = here.Abs(arg)
		}
		if len(args) == 0 {
			paths = []string{filepath.Join(here.Dir, "target", "lambda")}
			if _, err := os.Stat(paths[0]); err != nil {
				return &fault.Error{Kind: fault.Usage, What: "there are no zips in target/lambda here", Fix: "name zips or folders, or build with lpipe build --statements"}
			}
		}
		functions, err := inventory.Read(paths)
		notes := problems(err)
		if len(functions) == 0 {
			why := "no zip and no file of statements is there"
			if len(notes) > 0 {
				why = strings.Join(notes, "\n")
			}
			return &fault.Error{Kind: fault.Usage, What: "nothing says what is in a function", Why: why, Fix: "build with lpipe build --statements"}
		}
		var unknown []string
		if *deployed {
			cfg, err := here.Config(nil)
			if err != nil {
				return err
			}
			aws, err := a.aws(cmd.Context(), cfg, *account)
			if err != nil {
				return err
			}
			codes, err := aws.Codes(cmd.Context(), *alias)
			if err != nil {
				return err
			}
			functions, unknown = inventory.Deployed(functions, codes)
			if len(unknown) > 0 && !*asJSON {
				notes = append(notes, fmt.Sprintf("%s code that no statement here is about: %s", report.Count(len(unknown), "function has", "functions have"), strings.Join(unknown, ", ")))
			}
		} else if *alias != "" {
			return &fault.Error{Kind: fault.Usage, What: "--alias without --deployed", Fix: "add --deployed, or leave it out"}
		}
		var advisories []inventory.Advisory
		if *rustsec != "" {
			advisories, err = inventory.Advisories(*rustsec, functions)
			if advisories == nil && err != nil {
				return &fault.Error{Kind: fault.Usage, What: "--rustsec " + *rustsec + " cannot be used", Err: err, Fix: "name a checkout: git clone https://github.com/RustSec/advisory-db"}
			}
			notes = append(notes, problems(err)...)
		}
		for i := range functions {
			functions[i].From = here.Show(functions[i].From)
		}
		list := inventory.Find(functions, queries, advisories)
		asked := len(queries) > 0 || *rustsec != ""
		if *asJSON {
			shown := struct {
				Version   int                  `json:"version"`
				Functions []inventory.Function `json:"functions"`
				Found     []inventory.Match    `json:"found"`
				Unknown   []string             `json:"unknown,omitempty"` // functions on AWS that no statement is about
				Notes     []string             `json:"notes,omitempty"`
			}{1, functions, list, unknown, notes}
			return foreign.WriteJSON(a.Out, shown, "")
		}
		report.Notes(a.Err, notes)
		if !asked {
			in := inventory.ByCrate(functions)
			for _, c := range inventory.Sorted(in) {
				foreign.Fprintf(a.Out, "%s %s  %s\n", c.Name, c.Version, strings.Join(in[c], ", "))
			}
			return nil
		}
		for _, f := range list {
			line := fmt.Sprintf("%s  %s %s", f.Function, f.Crate.Name, f.Crate.Version)
			if ad := f.Advisory; ad != nil {
				line += "  " + ad.ID + " " + ad.Title
				if ad.Informational != "" {
					line += " (" + ad.Informational + ")"
				}
				if len(ad.Patched) > 0 {
					line += "; mended by " + strings.Join(ad.Patched, " or ")
				}
			}
			foreign.Fprintf(a.Out, "%s\n", line)
		}
		if len(list) == 0 {
			fmt.Fprintln(a.Err, "none of "+report.Count(len(functions), "function", "functions"))
		}
		return nil
	}
	return cmd
}

// problems are what is wrong with single files, as notes.
func problems(err error) (notes []string) {
	for _, part := range fault.Parts(err) {
		notes = append(notes, part.Error())
	}
	return notes
}
