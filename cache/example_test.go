package cache_test

import (
	"fmt"

	"lpipe/cache"
)

// The caches of a branch: it reads its own and that of the main branch, and writes its own.
func ExampleFamily() {
	refs, err := cache.Family("registry.example.com/team/cache", "feature/login", "main")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ref := range refs.Import {
		fmt.Println("from", ref)
	}
	fmt.Println("to", refs.Export)
	// Output:
	// from registry.example.com/team/cache:feature-login-df7c7aeb
	// from registry.example.com/team/cache:main
	// to registry.example.com/team/cache:feature-login-df7c7aeb
}

// An option with a mistake is refused with what was meant.
func ExampleParseExport() {
	_, err := cache.ParseExport("type=s3,bucket=builds,regoin=eu-central-1")
	fmt.Println(err)
	// Output: cache option type=s3: unknown attribute "regoin" (did you mean "region"?)
}
