//go:build linux

package main

import (
	"archive/tar"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// withDaemons adds the commands for scripts that need another engine, of which that of buildkitd begins with a root that the
// function makes. Both are stopped at the end of the script:
//
//	buildkitd NAME [DIR]       starts the buildkitd on PATH and sets NAME to its address, tcp on loopback; with DIR over
//	                           mutual TLS, for who has the certificates that it puts there
//	dockerd NAME [PROGRAM]     starts dockerd, or PROGRAM, in a network of its own, and sets NAME to its address
//	archive FILE REF           writes the base image as docker load reads it
func withDaemons(root func(*testscript.TestScript, string), commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	commands["buildkitd"] = func(ts *testscript.TestScript, _ bool, args []string) {
		dir := daemonFolder(ts)
		socket := filepath.Join(dir, "s")
		free, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		address := "tcp://" + free.Addr().String()
		ts.Check(free.Close())
		command := []string{
			"buildkitd", "--root", dir + "/root", "--config", "/dev/null", "--addr", "unix://" + socket, "--addr", address,
			"--otel-socket-path", dir + "/otel", "--oci-worker-net", "host", "--containerd-worker=false",
		}
		root(ts, dir+"/root")
		if len(args) > 1 {
			tls := ts.MkAbs(args[1])
			certificates(ts, tls)
			command = append(command, "--tlscacert", tls+"/ca.pem", "--tlscert", tls+"/cert.pem", "--tlskey", tls+"/key.pem")
		}
		startDaemon(ts, socket, 0, command...)
		ts.Setenv(args[0], address)
	}
	commands["dockerd"] = func(ts *testscript.TestScript, _ bool, args []string) {
		dir := daemonFolder(ts)
		socket := filepath.Join(dir, "s")
		program := append(args, "dockerd")[1]
		startDaemon(ts, socket, syscall.CLONE_NEWNET, program, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
			"-H", "unix://"+socket, "--iptables=false", "--ip6tables=false")
		ts.Setenv(args[0], "unix://"+socket)
	}
	commands["archive"] = archive
	return commands
}

func archive(ts *testscript.TestScript, _ bool, args []string) {
	base := readBase(ts)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := tar.NewWriter(f)
	add := func(name string, data []byte) {
		ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}))
		_, err := w.Write(data)
		ts.Check(err)
	}
	var layers []string
	for i, layer := range base.manifest.Layers {
		data := base.read(ts, layer.Digest)
		if strings.HasSuffix(layer.MediaType, "+zstd") { // old engines cannot
			plain, err := zstd.NewReader(nil)
			ts.Check(err)
			data, err = plain.DecodeAll(data, nil)
			ts.Check(err)
			plain.Close()
		}
		layers = append(layers, fmt.Sprintf("%d.tar", i))
		add(layers[i], data)
	}
	add("config.json", base.read(ts, base.manifest.Config.Digest))
	text, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": args[1:2], "Layers": layers}})
	ts.Check(err)
	add("manifest.json", text)
	ts.Check(errors.Join(w.Close(), f.Close()))
}

// certificates writes a certificate that is authority, server on loopback and client in one, by the names that
// BUILDKIT_TLS_DIR expects.
func certificates(ts *testscript.TestScript, dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.MkdirAll(dir, 0o700))
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: cert}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}

// daemonFolder is one with a short path, as sockets need.
func daemonFolder(ts *testscript.TestScript) string {
	dir, err := os.MkdirTemp("", "lpipe-engine-")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	return dir
}

func startDaemon(ts *testscript.TestScript, socket string, namespaces uintptr, command ...string) {
	log, err := os.Create(socket + ".log")
	ts.Check(err)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Unshareflags: syscall.CLONE_NEWNS} // what it mounts goes with it
	if err := cmd.Start(); err != nil {
		ts.Fatalf("starting %s: %v", command[0], err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); _ = cmd.Wait() }()
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
	})
	for range 300 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		select {
		case <-gone:
			text, _ := os.ReadFile(log.Name())
			ts.Fatalf("%s ended:\n%s", command[0], text)
		case <-time.After(100 * time.Millisecond):
		}
	}
	ts.Fatalf("%s does not listen", command[0])
}
