module github.com/moby/policy-helpers

go 1.26.8
