package help

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// verbs are those of a program, of which one is hidden.
func verbs() (root, build *cobra.Command) {
	root = &cobra.Command{Use: "prog", Long: "What prog is, in a paragraph that\nis broken.\n", Annotations: map[string]string{Notes: "The end, and so on.\n\n  as it is -x\n"}}
	build = &cobra.Command{Use: "build [NAME]", Short: "Build it", Run: func(*cobra.Command, []string) {}}
	f := build.Flags()
	f.StringP("arch", "a", "x86", "`ARCH` of it")
	f.Bool("all", false, "all of 'em")
	f.Duration("wait", 5*60e9, "`TIME` to wait")
	f.String("secret", "", "hidden")
	f.Lookup("secret").Hidden = true
	root.AddCommand(build, &cobra.Command{Use: "run", Hidden: true, Run: build.Run})
	return root, build
}

func TestText(t *testing.T) {
	root, build := verbs()
	for cmd, want := range map[*cobra.Command]string{
		root: `What prog is, in a paragraph
that is broken.

Verbs:
  prog build [NAME]
        Build it

The end, and so on.

  as it is -x
`,
		build: `Usage: prog build [NAME]
       [FLAG ...]

Build it

Flags:
      --all
        all of 'em
  -a, --arch ARCH
        ARCH of it (default
        x86)
      --wait TIME
        TIME to wait (default
        5m)
`,
	} {
		if got := Text(cmd, 30); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", cmd.Name(), got, want)
		}
	}
	if got := Text(build, 80); !strings.Contains(got, "\n  -a, --arch ARCH  ARCH of it (default x86)\n") {
		t.Error(got)
	}
}

// TestManual: what a verb says is text, and no macro.
func TestManual(t *testing.T) {
	root, build := verbs()
	for cmd, want := range map[*cobra.Command]string{
		root: `.TH PROG 1 "" "lpipe v1.2\-rc" "lpipe"
.SH NAME
prog \- ` + `
.SH DESCRIPTION
What prog is, in a paragraph that
is broken.
.SH VERBS
.TP
\fBprog build [NAME]\fR
Build it
.SH NOTES
The end, and so on.
.PP
.nf
  as it is \-x
.fi
`,
		build: `.TH PROG\-BUILD 1 "" "lpipe v1.2\-rc" "lpipe"
.SH NAME
prog\-build \- Build it
.SH SYNOPSIS
prog build [NAME] [FLAG ...]
.SH DESCRIPTION
Build it
.SH OPTIONS
.TP
\fB\-\-all\fR
all of 'em
.TP
\fB\-a, \-\-arch\fR \fIARCH\fR
ARCH of it (default x86)
.TP
\fB\-\-wait\fR \fITIME\fR
TIME to wait (default 5m)
.SH SEE ALSO
.BR prog (1)
`,
	} {
		if got := Manual(cmd, "v1.2-rc"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", cmd.Name(), got, want)
		}
	}
	for line, want := range map[string]string{".TH": `\&.TH`, "'x": `\&'x`, `a\b`: `a\eb`} {
		if got := roff(line); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}
