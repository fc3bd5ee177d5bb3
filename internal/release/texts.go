package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"text/template"
)

//go:embed install.sh.tmpl
var installer string

//go:embed lpipe.rb.tmpl
var formula string

//go:embed nfpm.yaml.tmpl
var packages string

// texts writes the installer and the formula, which hold the sums of the programs, what nfpm makes packages from, and the
// version alone, for who asks for the newest.
func (r *release) texts(programs []program) error {
	for name, text := range map[string]string{"install.sh": installer, "lpipe.rb": formula} {
		data, err := render(text, map[string]any{"Release": r, "Programs": programs})
		if err != nil {
			return err
		}
		if err := r.write(name, data, 0o644); err != nil {
			return err
		}
	}
	for _, p := range programs {
		if p.OS != "linux" {
			continue
		}
		data, err := render(packages, map[string]any{"Release": r, "Program": p})
		if err != nil {
			return err
		}
		if err := r.write("nfpm-"+p.Arch+".yaml", data, 0o644); err != nil {
			return err
		}
	}
	return r.write("VERSION", []byte(r.Version+"\n"), 0o644)
}

func render(text string, values any) ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{"named": func(all []program, name string) program {
		for _, p := range all {
			if p.Name() == name {
				return p
			}
		}
		return program{}
	}}).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, values)
	return out.Bytes(), err
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
