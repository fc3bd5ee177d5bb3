package awsapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/redact"
)

var _ deploy.AWS = (*Client)(nil)

// Function is a function as it is, or one of its versions.
func (c *Client) Function(ctx context.Context, name, qualifier string) (deploy.Function, error) {
	if err := c.reads.Wait(ctx); err != nil {
		return deploy.Function{}, err
	}
	in := &lambda.GetFunctionInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := c.getFunction(ctx, in)
	if err != nil {
		return deploy.Function{}, failed(ctx, "GetFunction", name, err)
	}
	f := function(*out.Configuration)
	f.Tags = out.Tags
	if out.Code != nil {
		f.Location = aws.ToString(out.Code.Location)
	}
	return f, nil
}

func function(c types.FunctionConfiguration) deploy.Function {
	f := deploy.Function{
		Name: aws.ToString(c.FunctionName), ARN: unqualified(aws.ToString(c.FunctionArn)), Version: aws.ToString(c.Version), CodeSHA256: aws.ToString(c.CodeSha256),
		Arch: string(types.ArchitectureX8664), Runtime: string(c.Runtime), Image: c.PackageType == types.PackageTypeImage,
		State: string(c.State), Update: string(c.LastUpdateStatus), Revision: aws.ToString(c.RevisionId),
		Reason: strings.TrimSpace(aws.ToString(c.LastUpdateStatusReason) + " " + aws.ToString(c.StateReason)),
		Settings: deploy.Settings{
			Memory: int(aws.ToInt32(c.MemorySize)), Timeout: time.Duration(aws.ToInt32(c.Timeout)) * time.Second, Description: aws.ToString(c.Description),
		},
	}
	if len(c.Architectures) > 0 {
		f.Arch = string(c.Architectures[0])
	}
	for _, l := range c.Layers {
		f.Layers = append(f.Layers, aws.ToString(l.Arn))
	}
	if c.LoggingConfig != nil {
		f.LogGroup = aws.ToString(c.LoggingConfig.LogGroup)
	}
	if c.Environment != nil {
		f.Env = c.Environment.Variables
		if c.Environment.Error != nil {
			f.EnvError = aws.ToString(c.Environment.Error.Message)
		}
	}
	return f
}

// unqualified is the ARN of a function, without a version or alias.
func unqualified(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 7 {
		return strings.Join(parts[:7], ":")
	}
	return arn
}

// Versions are those of a function, the oldest first.
func (c *Client) Versions(ctx context.Context, name string) (all []deploy.Function, err error) {
	in := &lambda.ListVersionsByFunctionInput{FunctionName: &name}
	for {
		page, err := limited(ctx, c, "ListVersionsByFunction", name, c.listVersionsByFunction, in)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			if f := function(v); f.Version != deploy.Latest {
				all = append(all, f)
			}
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return all, nil
		}
	}
}

// functions are all of the account in the region, each as [deploy.Latest] is.
func (c *Client) functions(ctx context.Context) (all []deploy.Function, err error) {
	in := &lambda.ListFunctionsInput{}
	for {
		page, err := limited(ctx, c, "ListFunctions", "", c.listFunctions, in)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			all = append(all, function(f))
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return all, nil
		}
	}
}

// Codes are the digests of the code of all functions of the account, by their names; with an alias, of what it names in those that
// have it, by NAME:ALIAS.
func (c *Client) Codes(ctx context.Context, alias string) (map[string]string, error) {
	functions, err := c.functions(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, f := range functions {
		name := f.Name
		if alias != "" {
			name += ":" + alias
			if f, err = c.Function(ctx, f.Name, alias); errors.Is(err, deploy.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		all[name] = f.CodeSHA256
	}
	return all, nil
}

// limited sends a request to Lambda that is counted with most others.
func limited[In, Out any](ctx context.Context, c *Client, action, of string, send request[In, lambda.Options, Out], in *In) (*Out, error) {
	if err := c.control.Wait(ctx); err != nil {
		return nil, err
	}
	out, err := send(ctx, in)
	return out, failed(ctx, action, of, err)
}

// Create makes a function, without a URL and without permission for anybody to call it.
func (c *Client) Create(ctx context.Context, name string, n deploy.New) error {
	code := &types.FunctionCode{ZipFile: n.Zip, S3ObjectStorageMode: mode(n.Code)}
	if n.Bucket != "" {
		code.S3Bucket, code.S3Key, code.S3ObjectVersion = &n.Bucket, &n.Key, some(n.Version)
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: &name, Role: &n.Role, Runtime: types.Runtime(n.Runtime), Handler: aws.String("bootstrap"), Architectures: []types.Architecture{types.Architecture(n.Arch)},
		Code: code, Description: some(n.Description), Layers: n.Layers, Tags: n.Tags, MemorySize: positive(n.Memory), Timeout: positive(int(n.Timeout / time.Second)),
	}
	if len(n.Env) > 0 {
		in.Environment = &types.Environment{Variables: n.Env}
	}
	_, err := limited(ctx, c, "CreateFunction", name, c.createFunction, in)
	return withoutValues(err, n.Env)
}

func mode(code deploy.Code) types.S3ObjectStorageMode {
	if code.Reference {
		return types.S3ObjectStorageModeReference
	}
	return ""
}

// UpdateCode gives a function another zip, and another architecture if one is named.
func (c *Client) UpdateCode(ctx context.Context, name, arch string, code deploy.Code) error {
	in := &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: code.Zip, S3ObjectStorageMode: mode(code)}
	if code.Bucket != "" {
		in.S3Bucket, in.S3Key, in.S3ObjectVersion = &code.Bucket, &code.Key, some(code.Version)
	}
	if arch != "" {
		in.Architectures = []types.Architecture{types.Architecture(arch)}
	}
	_, err := limited(ctx, c, "UpdateFunctionCode", name, c.updateFunctionCode, in)
	return err
}

// UpdateSettings changes the configuration of a function that is still of that revision.
func (c *Client) UpdateSettings(ctx context.Context, name, revision, runtime string, s deploy.Settings) error {
	in := &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, RevisionId: some(revision), Description: some(s.Description), Layers: s.Layers, MemorySize: positive(s.Memory), Timeout: positive(int(s.Timeout / time.Second)),
	}
	if s.Undescribed {
		in.Description = aws.String("")
	}
	if s.Env != nil {
		in.Environment = &types.Environment{Variables: s.Env}
	}
	if runtime != "" {
		in.Runtime, in.Handler = types.Runtime(runtime), aws.String("bootstrap")
	}
	_, err := limited(ctx, c, "UpdateFunctionConfiguration", name, c.updateFunctionConfiguration, in)
	return withoutValues(err, s.Env)
}

// withoutValues takes the values of variables out of what AWS says of them, which may be secrets: where they are too large it
// repeats them all, as JSON.
func withoutValues(err error, variables map[string]string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	f.Why, _, _ = strings.Cut(f.Why, " String measured")
	var values []string
	for _, value := range variables {
		if len(value) > 3 { // the letters of shorter ones stand in much else
			escaped, _ := json.Marshal(value) // a text can be written
			values = append(values, value, strings.Trim(string(escaped), `"`))
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, value := range values {
		f.Why = strings.ReplaceAll(f.Why, value, redact.Hidden)
	}
	return err
}

// Tag adds tags to a function.
func (c *Client) Tag(ctx context.Context, arn string, tags map[string]string) error {
	_, err := limited(ctx, c, "TagResource", arn, c.tagResource, &lambda.TagResourceInput{Resource: &arn, Tags: tags})
	return err
}

// LatestLayer is the newest version of a layer that says that it is for the architecture, or for none in particular.
func (c *Client) LatestLayer(ctx context.Context, name, arch string) (deploy.LayerVersion, error) {
	in := &lambda.ListLayerVersionsInput{LayerName: &name}
	for {
		page, err := limited(ctx, c, "ListLayerVersions", name, c.listLayerVersions, in)
		if err != nil {
			return deploy.LayerVersion{}, err
		}
		for _, v := range page.LayerVersions { // the newest first
			if len(v.CompatibleArchitectures) > 0 && !slices.Contains(v.CompatibleArchitectures, types.Architecture(arch)) {
				continue
			}
			out, err := limited(ctx, c, "GetLayerVersion", name, c.getLayerVersion, &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: &v.Version})
			if err != nil {
				return deploy.LayerVersion{}, err
			}
			return layerVersion(out.LayerVersionArn, out.Content), nil
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return deploy.LayerVersion{}, deploy.ErrNotFound
		}
	}
}

// PublishLayer makes a version of a layer, and the layer with the first.
func (c *Client) PublishLayer(ctx context.Context, name, arch, runtime string, code deploy.Code) (deploy.LayerVersion, error) {
	content := &types.LayerVersionContentInput{ZipFile: code.Zip, S3ObjectStorageMode: mode(code)}
	if code.Bucket != "" {
		content.S3Bucket, content.S3Key, content.S3ObjectVersion = &code.Bucket, &code.Key, some(code.Version)
	}
	in := &lambda.PublishLayerVersionInput{
		LayerName: &name, Content: content, CompatibleArchitectures: []types.Architecture{types.Architecture(arch)}, CompatibleRuntimes: []types.Runtime{types.Runtime(runtime)},
	}
	out, err := limited(ctx, c, "PublishLayerVersion", name, c.publishLayerVersion, in)
	if err != nil {
		return deploy.LayerVersion{}, err
	}
	return layerVersion(out.LayerVersionArn, out.Content), nil
}

func layerVersion(arn *string, content *types.LayerVersionContentOutput) deploy.LayerVersion {
	v := deploy.LayerVersion{ARN: aws.ToString(arn)}
	if content != nil {
		v.CodeSHA256 = aws.ToString(content.CodeSha256)
	}
	return v
}

// Publish makes a version of a function whose code is that one.
func (c *Client) Publish(ctx context.Context, name, sha256, description string) (deploy.Function, error) {
	in := &lambda.PublishVersionInput{FunctionName: &name, CodeSha256: &sha256, Description: some(description)}
	out, err := limited(ctx, c, "PublishVersion", name, c.publishVersion, in)
	if err != nil {
		return deploy.Function{}, err
	}
	return deploy.Function{Name: name, Version: aws.ToString(out.Version), CodeSHA256: aws.ToString(out.CodeSha256)}, nil
}

// Alias is what a name of a function means.
func (c *Client) Alias(ctx context.Context, name, alias string) (deploy.Alias, error) {
	out, err := limited(ctx, c, "GetAlias", name+":"+alias, c.getAlias, &lambda.GetAliasInput{FunctionName: &name, Name: &alias})
	if err != nil {
		return deploy.Alias{}, err
	}
	return aliasOf(alias, out.FunctionVersion, out.RevisionId, out.RoutingConfig), nil
}

func aliasOf(name string, version, revision *string, routing *types.AliasRoutingConfiguration) deploy.Alias {
	a := deploy.Alias{Name: name, Version: aws.ToString(version), Revision: aws.ToString(revision)}
	if routing != nil {
		for version, weight := range routing.AdditionalVersionWeights {
			a.Other, a.Weight = version, weight
		}
	}
	return a
}

// CreateAlias makes a name for a version.
func (c *Client) CreateAlias(ctx context.Context, name string, a deploy.Alias) (deploy.Alias, error) {
	in := &lambda.CreateAliasInput{FunctionName: &name, Name: &a.Name, FunctionVersion: &a.Version}
	out, err := limited(ctx, c, "CreateAlias", name+":"+a.Name, c.createAlias, in)
	if err != nil {
		return deploy.Alias{}, err
	}
	return aliasOf(a.Name, out.FunctionVersion, out.RevisionId, out.RoutingConfig), nil
}

// UpdateAlias gives a name that is still of its revision another meaning, in one step.
func (c *Client) UpdateAlias(ctx context.Context, name string, a deploy.Alias) (deploy.Alias, error) {
	in := &lambda.UpdateAliasInput{
		FunctionName: &name, Name: &a.Name, FunctionVersion: &a.Version, RevisionId: some(a.Revision), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
	}
	if a.Other != "" {
		in.RoutingConfig.AdditionalVersionWeights[a.Other] = a.Weight
	}
	out, err := limited(ctx, c, "UpdateAlias", name+":"+a.Name, c.updateAlias, in)
	if err != nil {
		return deploy.Alias{}, err
	}
	return aliasOf(a.Name, out.FunctionVersion, out.RevisionId, out.RoutingConfig), nil
}

// DeleteAlias removes a name.
func (c *Client) DeleteAlias(ctx context.Context, name, alias string) error {
	_, err := limited(ctx, c, "DeleteAlias", name+":"+alias, c.deleteAlias, &lambda.DeleteAliasInput{FunctionName: &name, Name: &alias})
	return err
}

// Invoke sends an event to a version and waits for the answer.
func (c *Client) Invoke(ctx context.Context, name, version string, e deploy.Event) (deploy.Answer, error) {
	in := &lambda.InvokeInput{
		FunctionName: &name, Payload: e.Payload, LogType: types.LogTypeTail, Qualifier: some(version), TenantId: some(e.TenantID),
		ClientContext: some(base64.StdEncoding.EncodeToString([]byte(e.ClientContext))),
	}
	out, err := c.invoke(ctx, in)
	if err != nil {
		return deploy.Answer{}, failed(ctx, "InvokeFunction", name+":"+version, err)
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		log = nil // moto's is none
	}
	return deploy.Answer{Payload: out.Payload, FunctionError: aws.ToString(out.FunctionError), Log: string(log)}, nil
}

// Download reads the code of a function, whose location AWS has signed.
func (c *Client) Download(ctx context.Context, location string) ([]byte, error) {
	const what = "the download of code"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, failed(ctx, what, "the function", errors.New("its location is no URL"))
	}
	answer, err := c.http.Do(request)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err // the URL is a secret
	}
	if err != nil {
		return nil, failed(ctx, what, request.URL.Host, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, failed(ctx, what, request.URL.Host, fmt.Errorf("it answers %s", answer.Status))
	}
	zip, err := io.ReadAll(io.LimitReader(answer.Body, limits.Unzipped))
	return zip, failed(ctx, what, request.URL.Host, err)
}

// some is a pointer to a text, nil for an empty one.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func positive(n int) *int32 {
	if n == 0 {
		return nil
	}
	return aws.Int32(int32(n))
}
