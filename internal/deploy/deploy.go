// Package deploy puts the zips of lambdas into functions on AWS, all of them or none.
//
// What is wanted ([Wanted]) is compared with what AWS has ([Function]) in a [Plan], of which [Apply] makes what differs: it
// changes the configuration that is named, uploads the code, publishes a version, sends it the smoke event, and moves the
// aliases of all functions when all have passed. It keeps no state of its own: an interrupted run leaves functions that the
// next one compares as any others. AWS is behind an interface, which package awsapi implements.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Latest is the version of a function that changes.
const Latest = "$LATEST"

// Errors of [AWS] that decide what is done next.
var (
	// ErrNotFound: there is no such function, version or alias.
	ErrNotFound = errors.New("not found")
	// ErrConflict: an update of the function is going on, or it is not what the request says it is.
	ErrConflict = errors.New("conflict")
	// ErrRevision: what is to be changed has been changed since it was read. It is an ErrConflict too.
	ErrRevision = errors.New("another revision")
)

// Settings are the configuration of a function. In what is wanted, the zero value of a field leaves it as it is.
type Settings struct {
	Memory      int           // in MB
	Timeout     time.Duration // whole seconds
	Description string
	Undescribed bool              // there is to be no description
	Layers      []string          // ARNs of versions, all that the function has
	Env         map[string]string // wanted ones are added to those that there are
	Tags        map[string]string // likewise; of the function, not of a version
}

// Function is what AWS has of a function, or of one of its versions.
type Function struct {
	Name       string
	ARN        string // without a version or alias
	Version    string // Latest or a number
	CodeSHA256 string // base64, as Lambda says it
	Arch       string // x86_64 or arm64
	Runtime    string
	Image      bool   // its code is a container image
	State      string // Pending, Active, Inactive or Failed
	Update     string // of the last change: Successful, InProgress or Failed
	Reason     string // why State or Update are as they are
	Revision   string
	Location   string // a URL that its code can be had from, for some minutes
	LogGroup   string
	EnvError   string // why AWS does not tell the variables, "" when it does
	Settings
}

// Alias is a name for a version. Other has what the version does not get.
type Alias struct {
	Name, Version string
	Other         string  // another version, "" for none
	Weight        float64 // the share of Other, from 0 to 1
	Revision      string
}

// same reports that both share out the calls in the same way.
func (a Alias) same(b Alias) bool {
	return a.Version == b.Version && a.Other == b.Other && a.Weight == b.Weight
}

func (a Alias) String() string {
	if a.Other == "" {
		return "version " + a.Version
	}
	return fmt.Sprintf("version %s, of which %s gets %.0f%%", a.Version, a.Other, 100*a.Weight)
}

// Code is a zip: its bytes, or where in S3 they are.
type Code struct {
	Zip       []byte
	Bucket    string // "" for Zip
	Key       string
	Version   string // of the object, "" where the bucket keeps none
	Reference bool   // Lambda reads the object where it is
}

// New is what is said when a function is made.
type New struct {
	Role, Runtime, Arch string
	Code
	Settings
}

// AWS is what a deployment asks of Lambda, S3 and CloudWatch. qualifier is a version or an alias, "" for Latest.
type AWS interface {
	Function(ctx context.Context, name, qualifier string) (Function, error)
	// Versions are those that were published, the oldest first.
	Versions(ctx context.Context, name string) ([]Function, error)
	Create(ctx context.Context, name string, n New) error
	UpdateCode(ctx context.Context, name, arch string, code Code) error
	// UpdateSettings sets the fields that are not zero, and Env as it is. runtime is "" where that stays.
	UpdateSettings(ctx context.Context, name, revision, runtime string, s Settings) error
	Tag(ctx context.Context, arn string, tags map[string]string) error
	// LatestLayer is the newest version of a layer for an architecture.
	LatestLayer(ctx context.Context, name, arch string) (LayerVersion, error)
	PublishLayer(ctx context.Context, name, arch, runtime string, code Code) (LayerVersion, error)
	// Publish makes a version of Latest if its code is that one, or returns the newest version if that is the same.
	Publish(ctx context.Context, name, sha256, description string) (Function, error)

	Alias(ctx context.Context, name, alias string) (Alias, error)
	// CreateAlias and UpdateAlias return the alias as it is then. UpdateAlias changes one that is still of the revision of a, and
	// any if that is "".
	CreateAlias(ctx context.Context, name string, a Alias) (Alias, error)
	UpdateAlias(ctx context.Context, name string, a Alias) (Alias, error)
	DeleteAlias(ctx context.Context, name, alias string) error

	Invoke(ctx context.Context, name, version string, e Event) (Answer, error)
	// Download reads the code behind [Function.Location].
	Download(ctx context.Context, location string) ([]byte, error)
	// Put stores a zip unless it is there, and returns the version of the object, "" where the bucket keeps none.
	Put(ctx context.Context, bucket, key string, zip []byte) (version string, err error)
	// Alarming returns which of the alarms of CloudWatch are in the state ALARM. All of them must be there.
	Alarming(ctx context.Context, alarms []string) ([]string, error)
}

// Event is what a function is asked.
type Event struct {
	Payload       []byte // JSON
	ClientContext string // JSON; "" for none
	TenantID      string // of a function that isolates tenants; "" for none
}

// Answer is what a function says to an event.
type Answer struct {
	Payload       []byte
	FunctionError string // "" when it succeeded
	Log           string // the end of its log
}

// Wanted is a lambda and the function that it is for.
type Wanted struct {
	Lambda   string // as the user calls it
	Function string // the name of the function on AWS
	Arch     string
	Runtime  string // that the program was built for
	SHA256   string // of the zip, as [Function.CodeSHA256]
	Size     int64  // of the zip, in bytes
	// Zip reads the zip again, which is checked against SHA256.
	Zip func() ([]byte, error)
	Settings
	Own   []Layer // that were built for it; versions of them take their place among the layers that the function has
	Smoke *Smoke  // nil for none
}

// Options are for all functions of a deployment.
type Options struct {
	Region        string // that is asked, for messages
	Alias         string // that is moved, "" for none
	Create        bool   // functions that do not exist are made
	Role          string // of these, an ARN
	ChangeArch    bool   // the architecture of a function may change
	ChangeRuntime bool   // likewise its runtime
	Bucket        string // S3 bucket for the zips, "" to send them to Lambda itself
	Key           string // of the objects, a template with {{name}} and {{sha256}}
	Reference     bool   // Lambda reads the objects where they are
	Steps         []int  // percentages that an alias gives the new version before it gives it all
	StepTime      time.Duration
	Alarms        []string // while one of them is in the state ALARM nothing is moved, and what was moved goes back
}
