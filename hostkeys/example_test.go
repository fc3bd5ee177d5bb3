package hostkeys_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"

	"golang.org/x/crypto/ssh"

	"lpipe/hostkeys"
)

// A client that connects to hosts with pinned keys alone.
func ExamplePins_Callback() {
	pins, err := hostkeys.Default()
	if err != nil {
		log.Fatal(err)
	}
	config := &ssh.ClientConfig{
		User: "git", HostKeyCallback: pins.Callback(), HostKeyAlgorithms: pins.Algorithms("github.com:22"),
	}
	fmt.Println(config.HostKeyAlgorithms)
	// Output: [ssh-ed25519 ecdsa-sha2-nistp256 rsa-sha2-512 rsa-sha2-256]
}

// A host that shows another key than the pinned one is not the host, or has a new key.
func ExamplePins_Check() {
	pins, err := hostkeys.Default()
	if err != nil {
		log.Fatal(err)
	}
	shown, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	if err != nil {
		log.Fatal(err)
	}
	var mismatch *hostkeys.MismatchError
	if err := pins.Check("github.com:22", shown); errors.As(err, &mismatch) {
		fmt.Println(mismatch.What())
	}
	// Output: host key mismatch for github.com
}
