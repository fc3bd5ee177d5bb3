// Package scaffold writes new lambdas: answers in, files out.
//
// What it writes are templates, rendered by one mechanism, [Render], which serves templates of the user's own too. Where files
// go, and what is there already, is not its concern.
package scaffold

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/examples"
)

//go:embed all:files locks
var embedded embed.FS

// Answers are what is to be known of a new lambda: the values of [Questions], and its name.
type Answers struct {
	Name      string // of the package, its program, the lambda and the function
	HTTP      bool   // it answers HTTP requests
	EventType string // of the events that it takes where it answers no HTTP
	Runtime   string // "crate" for AWS's, "none" for the standard library alone
	Arch      string // as Lambda names it
	Template  string // the kind of deployment template
	CI        string // the CI system
	SSH       bool   // private git dependencies are fetched over SSH
	Workspace bool   // the package is a member of a workspace
}

// Values are what a template of the user's own sees.
type Values struct {
	Answers
	Set map[string]string // by --set
}

// Crate is the name in Rust's sources.
func (a Answers) Crate() string { return crate(a.Name) }

func crate(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Function is a function of a deployment template, which a lambda is for.
type Function struct {
	Name string // of the lambda and the function
	Zip  string // path of the zip, relative to the template's folder
}

// Crate is the name by which the lambda logs.
func (f Function) Crate() string { return crate(f.Name) }

// ID is the name of the function's resources: a letter, and letters and digits.
func (f Function) ID() string {
	var b strings.Builder
	if name := strings.TrimLeft(f.Name, "-_."); name != "" && name[0] >= '0' && name[0] <= '9' {
		b.WriteString("Lambda")
	}
	for _, word := range strings.FieldsFunc(f.Name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Zip is where lpipe build puts the zip of a lambda, relative to the root of its workspace.
func Zip(name string) string { return path.Join("target/lambda", name, "bootstrap.zip") }

// File is a file to be written.
type File struct {
	Name       string // slash separated, relative to the folder that is written
	Data       []byte
	Executable bool
}

// EventFile is the name of the sample event in the folder events of the package.
func (a Answers) EventFile() string { return a.kind().name + ".json" }

// data is what lpipe's own templates see.
type data struct {
	Answers
	eventType
	Member    string // the folder of the package in its workspace, "" outside of one
	Functions []function
}

// function is one that a deployment template has.
type function struct {
	Function
	Source string // the type of the events that it is sent, "" for none that AWS sends by itself
	id     string
}

// ID is that of the Function, with a number where another function of the template has the same.
func (f function) ID() string { return f.id }

// Reads reports that Lambda reads the events for the function, as the function's role allows it.
func (f function) Reads() bool {
	return slices.Contains([]string{"sqs", "dynamodb", "kinesis"}, f.Source)
}

// Parameter is what the template has to be told of where the events come from, "" for nothing.
func (f function) Parameter() string {
	return map[string]string{"s3": "BucketName", "sqs": "QueueArn", "sns": "TopicArn", "dynamodb": "StreamArn", "kinesis": "StreamArn"}[f.Source]
}

// Variable is the function's name in JavaScript, which no word of the language and of the file is.
func (f function) Variable() string { return strings.ToLower(f.ID()[:1]) + f.ID()[1:] + "Function" }

// Sends reports that one of the functions is sent events of that type.
func (d data) Sends(source string) bool {
	return slices.ContainsFunc(d.Functions, func(f function) bool { return f.Source == source })
}

// EventType is that of the answers: the name of the embedded type is another.
func (d data) EventType() string { return d.Answers.EventType }

// Package returns the files of the package, without its lock file. member is its folder in a workspace, "" outside of one.
func Package(a Answers, member string) ([]File, error) {
	files, err := own("files/package", data{Answers: a, eventType: a.kind(), Member: member})
	if err != nil {
		return nil, err
	}
	return append(files, File{Name: path.Join("events", a.EventFile()), Data: a.Event()}), nil
}

// Project returns the files of a project for all its functions: lpipe.toml, what deploys them, and what builds them in CI.
func Project(a Answers, functions []Function) ([]File, error) {
	d := data{Answers: a}
	for _, f := range functions {
		one := function{Function: f, id: f.ID()}
		for n := 2; slices.ContainsFunc(d.Functions, func(other function) bool { return strings.EqualFold(other.id, one.id) }); n++ {
			one.id = f.ID() + strconv.Itoa(n)
		}
		if f.Name == a.Name && !a.HTTP && a.EventType != "json" {
			one.Source = a.EventType
		}
		d.Functions = append(d.Functions, one)
	}
	return own("files/project", d)
}

// Workspace returns the manifest of a workspace with one member.
func Workspace(member string) ([]File, error) {
	return own("files/workspace", data{Member: member})
}

func own(dir string, d data) ([]File, error) {
	fsys, err := fs.Sub(embedded, dir)
	if err != nil {
		return nil, err
	}
	return Render(fsys, d)
}

// eventType is a kind of event, and what of the sources depends on it.
type eventType struct {
	name    string
	example string // the name of the event in package examples
	Event   string // the type of the crate aws_lambda_events
	Record  string // that of its records
	Answer  string // of the handler to the example, as JSON
	Empty   string // what the handler says of a record that has nothing
}

// http is the kind of events of function URLs.
var http = eventType{name: "http", example: "lambda-urls-request"}

// eventTypes are the choices of --event-type.
var eventTypes = []eventType{
	{name: "json", Answer: `{"message": "Hello, Ada!"}`},
	{name: "s3", example: "s3-event", Event: "S3Event", Record: "S3EventRecord", Answer: `["ObjectCreated:Put: Happy%20Face.jpg"]`, Empty: "something: no key"},
	{name: "sqs", example: "sqs-event", Answer: `{"batchItemFailures": []}`},
	{name: "sns", example: "sns-event", Event: "SnsEvent", Record: "SnsRecord", Answer: `["message 95df01b4-ee98-5cb9-9903-4c221d41eb5e: Hello from SNS!"]`, Empty: "message : "},
	{name: "dynamodb", example: "dynamodb-event", Event: "Event", Record: "EventRecord", Answer: `["INSERT of an item with 2 keys", "INSERT of an item with 2 keys"]`, Empty: " of an item with 0 keys"},
	{name: "eventbridge", example: "eventbridge-schedule", Answer: `["Scheduled Event of aws.events"]`, Empty: " of "},
	{name: "kinesis", example: "kinesis-event", Event: "KinesisEvent", Record: "KinesisEventRecord", Answer: `["s1: 11 bytes", "s1: 11 bytes"]`, Empty: ": 0 bytes"},
}

// kind is the kind of events that the lambda takes.
func (a Answers) kind() eventType {
	if a.HTTP {
		return http
	}
	i := slices.IndexFunc(eventTypes, func(t eventType) bool { return t.name == a.EventType })
	return eventTypes[max(i, 0)]
}

// Event is the sample event.
func (a Answers) Event() []byte {
	if event, ok := examples.Event(a.kind().example); ok {
		// The example of a function URL has <url-id> in the place of its host, which is none.
		return []byte(strings.NewReplacer(`\u003c`, "", `\u003e`, "").Replace(string(event)))
	}
	return []byte("{\n  \"name\": \"Ada\"\n}\n")
}
