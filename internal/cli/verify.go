package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lpipe/internal/attest"
	"lpipe/internal/awsapi"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/program"
	"lpipe/internal/project"
	"lpipe/internal/proof"
	"lpipe/internal/report"
	"lpipe/internal/sigstore"
	"lpipe/internal/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [NAME|ZIP ...]",
		Short: "Prove a zip: rebuild the commit that its statement names, and compare",
		Long: `Rebuild what the statements beside a zip name, and compare the two zips byte for byte. The files of the commit are
read from the git repository of the current folder and built in a folder of their own, with the settings and the base image
that are stated; nothing of the work tree takes part. Where the zips differ, each difference is named: files, sections of the
program, functions, and what was stated otherwise: settings, sources, crates, the base image.

With --deployed the code of a function on AWS is downloaded and compared instead, by the statements of the lambda that it is of, as
function in [deploy] says; the name of a lambda stands for its function, and * for those of all lambdas here. Where --statement names
a folder, the statements are those in it, at any depth, that are about the code.

With --certificate-identity and --certificate-oidc-issuer the statement is that of ZIP.provenance.sigstore.json, which lpipe build
--sigstore writes, and it must be signed by that identity and witnessed by Sigstore.

A NAME is a lambda that was built here, a ZIP a file with its statements beside it, ZIP.intoto.jsonl; lpipe build --statements
writes them. Steps that the engine has done before are not done again: --no-cache compiles all anew, and another engine
(--engine, LPIPE_ENGINE_ROOT) has done none. The status is 4 where a zip is not what its commit gives.`,
		ValidArgsFunction: a.completeLambdas,
	}
	settings := settingFlags(cmd.Flags(), aboutEngine|aboutDisplay, 0)
	all := cmd.Flags().Bool("all", false, "every lambda of the workspace whose zip has statements beside it")
	deployed := cmd.Flags().String("deployed", "", "`FUNCTION` whose code on AWS is verified, NAME or NAME:ALIAS, by the statements of the lambda here that it is of; * for all")
	account := awsFlags(cmd.Flags())
	statement := cmd.Flags().String("statement", "", "`FILE` with the statements, where they are not beside the zip, or a folder with those of many")
	keyFile := cmd.Flags().String("key", "", "`FILE` of the public key that the statements must be signed with, in PEM form")
	var who sigstore.Signatory
	cmd.Flags().StringVar(&who.Identity, "certificate-identity", "", "`IDENTITY` that must have signed the statements by Sigstore, as the certificate names it")
	cmd.Flags().StringVar(&who.IdentityRegexp, "certificate-identity-regexp", "", "`EXPRESSION` for that identity")
	cmd.Flags().StringVar(&who.Issuer, "certificate-oidc-issuer", "", "`URL` of the issuer that must have vouched for that identity")
	cmd.Flags().StringVar(&who.IssuerRegexp, "certificate-oidc-issuer-regexp", "", "`EXPRESSION` for that issuer")
	trustedRoot := cmd.Flags().String("trusted-root", "", "`FILE` with the trusted root of an instance of Sigstore, in place of the public one")
	noCache := cmd.Flags().Bool("no-cache", false, "run every step again, and compile every dependency")
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		var subjects []proof.Subject
		switch {
		case *deployed == "":
			subjects, err = proof.Zips(here, args, *all)
		case len(args) > 0 || *all:
			err = &fault.Error{Kind: fault.Usage, What: "--deployed and names of zips cannot be combined", Fix: "verify them one after the other"}
		default:
			subjects, err = proof.Deployed(cmd.Context(), here, *deployed, func(cfg *config.Config) (*awsapi.Client, error) { return a.aws(cmd.Context(), cfg, *account) })
		}
		if err != nil {
			return err
		}
		signed, err := proof.SignedBy(*keyFile, who, *trustedRoot)
		if err != nil {
			return err
		}
		statements := attest.BundleName
		if who != (sigstore.Signatory{}) {
			statements = attest.SigstoreName(attest.KindProvenance)
		}
		find, err := proof.Finder(*statement, statements, len(subjects))
		if err != nil {
			return err
		}
		lpipe, _ := program.Versions()
		again := proof.Rebuilder{
			Here: here, Settings: settings(), Version: lpipe,
			Build: func(ctx context.Context, here *project.Here, p *project.Project, o build.Options) (*report.Summary, error) {
				o.NoCache, o.StallTimeout, o.SSH = *noCache, stallTimeout, *ssh
				return a.build(ctx, here, []*project.Project{p}, p.Config, o)
			},
		}
		unproved := 0
		var l fault.List
		for _, s := range subjects {
			z, r, err := again.Verify(cmd.Context(), s, find, signed)
			if err != nil {
				l.Add(err)
				if cmd.Context().Err() != nil {
					break
				}
				continue
			}
			word := "equal"
			if len(r.Differences) > 0 {
				unproved++
				word = "differs"
			}
			foreign.Fprintf(a.Out, "%s: %s, commit %s\n", s.Shown, word, z.Commit())
			for _, text := range r.Differences {
				foreign.Fprintf(a.Out, "  %s\n", text)
			}
			report.Notes(a.Err, r.Notes)
		}
		if unproved > 0 {
			l.Add(verify.Unproved(unproved, len(subjects)))
		}
		return l.Err()
	}
	return cmd
}
