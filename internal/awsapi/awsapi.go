// Package awsapi asks AWS what package deploy needs, through the AWS SDK for Go.
//
// Credentials, profiles, regions and endpoints are found as the SDK finds them. Requests keep to the rates that Lambda allows
// an account, those that are throttled are sent again, and what AWS refuses is said in words.
package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/time/rate"

	"lpipe/internal/fault"
)

// Options say which account of AWS is asked. What is empty is as the SDK finds it.
type Options struct {
	Profile, Region, Endpoint string

	// Say, if set, is told once, in a line, when requests are sent again for long.
	Say func(line string)
}

// Client asks one account in one region.
type Client struct {
	requests
	http    *http.Client
	reads   *rate.Limiter // of GetFunction
	control *rate.Limiter // of all other requests to Lambda but invocations
	Region  string
}

// request is a method of one of the SDK's clients.
type request[In, Options, Out any] func(context.Context, *In, ...func(*Options)) (*Out, error)

// requests are all that are ever sent. A client of the SDK itself would make the program 8 MB larger, since the linker keeps
// all methods of a type that is in an interface.
type requests struct {
	getFunction                 request[lambda.GetFunctionInput, lambda.Options, lambda.GetFunctionOutput]
	listFunctions               request[lambda.ListFunctionsInput, lambda.Options, lambda.ListFunctionsOutput]
	listVersionsByFunction      request[lambda.ListVersionsByFunctionInput, lambda.Options, lambda.ListVersionsByFunctionOutput]
	createFunction              request[lambda.CreateFunctionInput, lambda.Options, lambda.CreateFunctionOutput]
	updateFunctionCode          request[lambda.UpdateFunctionCodeInput, lambda.Options, lambda.UpdateFunctionCodeOutput]
	updateFunctionConfiguration request[lambda.UpdateFunctionConfigurationInput, lambda.Options, lambda.UpdateFunctionConfigurationOutput]
	listLayerVersions           request[lambda.ListLayerVersionsInput, lambda.Options, lambda.ListLayerVersionsOutput]
	getLayerVersion             request[lambda.GetLayerVersionInput, lambda.Options, lambda.GetLayerVersionOutput]
	publishLayerVersion         request[lambda.PublishLayerVersionInput, lambda.Options, lambda.PublishLayerVersionOutput]
	tagResource                 request[lambda.TagResourceInput, lambda.Options, lambda.TagResourceOutput]
	publishVersion              request[lambda.PublishVersionInput, lambda.Options, lambda.PublishVersionOutput]
	getAlias                    request[lambda.GetAliasInput, lambda.Options, lambda.GetAliasOutput]
	createAlias                 request[lambda.CreateAliasInput, lambda.Options, lambda.CreateAliasOutput]
	updateAlias                 request[lambda.UpdateAliasInput, lambda.Options, lambda.UpdateAliasOutput]
	deleteAlias                 request[lambda.DeleteAliasInput, lambda.Options, lambda.DeleteAliasOutput]
	invoke                      request[lambda.InvokeInput, lambda.Options, lambda.InvokeOutput]
	headObject                  request[s3.HeadObjectInput, s3.Options, s3.HeadObjectOutput]
	putObject                   request[s3.PutObjectInput, s3.Options, s3.PutObjectOutput]
	filterLogEvents             request[cloudwatchlogs.FilterLogEventsInput, cloudwatchlogs.Options, cloudwatchlogs.FilterLogEventsOutput]
	describeAlarms              request[cloudwatch.DescribeAlarmsInput, cloudwatch.Options, cloudwatch.DescribeAlarmsOutput]
}

// Requests a second that Lambda allows an account in a region, of GetFunction, and of all others together but invocations
// and GetPolicy: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests
const (
	readsPerSecond   = 100
	controlPerSecond = 15
)

// Requests that are throttled or fail are sent again for some minutes: others may deploy to the account at the same time.
const (
	attempts   = 12
	longestGap = 20 * time.Second
)

// retryer does not go on for minutes where AWS was never reached: the region or the network is another than is thought.
type retryer struct {
	aws.RetryerV2
	mu      sync.Mutex
	reached bool
	since   time.Time // of the first request that came nowhere

	say func(line string) // of what is sent again for long
}

// unannounced is how often a request is sent again before that is said: these take some seconds together.
const unannounced = 4

// RetryDelay is called when a request is to be sent again.
func (r *retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt > unannounced {
		r.say("AWS does not take requests for now (" + reason(err) + "); they are sent again, for some minutes at most")
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

// retryers returns what makes the retryer of a client. say may be nil.
func retryers(say func(line string)) func() aws.Retryer {
	var once sync.Once
	return func() aws.Retryer {
		return &retryer{
			RetryerV2: retry.NewStandard(func(s *retry.StandardOptions) {
				s.MaxAttempts, s.MaxBackoff, s.RateLimiter = attempts, longestGap, ratelimit.None
			}),
			say: func(line string) {
				if say != nil {
					once.Do(func() { say(line) })
				}
			},
		}
	}
}

// reason is why a request is sent again, in a few words.
func reason(err error) string {
	var refused smithy.APIError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() != "":
		return refused.ErrorCode()
	case errors.As(err, &answer) && answer.HTTPStatusCode() != 0:
		return http.StatusText(answer.HTTPStatusCode())
	default:
		return "it is not reached"
	}
}

// unreachable is for how long that may go on.
const unreachable = 10 * time.Second

func (r *retryer) IsErrorRetryable(err error) bool {
	var dialled *net.OpError
	var answer *smithyhttp.ResponseError
	// Lambda answers with the status 502 to invocations of a function whose key, network or zip is not right.
	var refused smithy.APIError
	if errors.As(err, &refused) && (strings.HasPrefix(refused.ErrorCode(), "KMS") || strings.HasPrefix(refused.ErrorCode(), "Invalid")) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.As(err, &answer) && answer.HTTPStatusCode() != 0: // without an answer there is one too, which has no status
		r.reached = true
	case !r.reached && errors.As(err, &dialled) && dialled.Op == "dial":
		if r.since.IsZero() {
			r.since = time.Now()
		}
		if time.Since(r.since) > unreachable {
			return false
		}
	}
	return r.RetryerV2.IsErrorRetryable(err)
}

// GetAttemptToken is called before a request; what it returns, with its error.
func (r *retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	release, err := r.RetryerV2.GetAttemptToken(ctx)
	return func(err error) error {
		if err == nil {
			r.mu.Lock()
			r.reached = true
			r.mu.Unlock()
		}
		return release(err)
	}, err
}

// Open finds region and credentials.
func Open(ctx context.Context, o Options) (*Client, error) {
	load := []func(*config.LoadOptions) error{config.WithRetryer(retryers(o.Say))}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.Endpoint != "" {
		if u, err := url.Parse(o.Endpoint); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return nil, &fault.Error{Kind: fault.Usage, What: "--endpoint-url cannot be " + fault.Quote(o.Endpoint), Fix: "write it as https://HOST or http://HOST:PORT"}
		}
		load = append(load, config.WithBaseEndpoint(o.Endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, loading(err)
	}
	if cfg.Region == "" {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "AWS's region is not known", Why: "neither --region nor AWS_REGION nor the profile names one", Fix: "add --region REGION, or: aws configure set region REGION",
		}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, noCredentials(ctx, o, err)
	}
	functions, logs, alarms := lambda.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	// A bucket at another address than AWS's has no name in DNS.
	objects := s3.NewFromConfig(cfg, func(s *s3.Options) { s.UsePathStyle = s.BaseEndpoint != nil })
	c := &Client{
		http:  &http.Client{Timeout: 10 * time.Minute},
		reads: rate.NewLimiter(readsPerSecond, readsPerSecond), control: rate.NewLimiter(controlPerSecond, controlPerSecond), Region: cfg.Region,
	}
	c.requests = requests{
		getFunction: functions.GetFunction, listFunctions: functions.ListFunctions, listVersionsByFunction: functions.ListVersionsByFunction, createFunction: functions.CreateFunction, updateFunctionCode: functions.UpdateFunctionCode, updateFunctionConfiguration: functions.UpdateFunctionConfiguration, tagResource: functions.TagResource, listLayerVersions: functions.ListLayerVersions, getLayerVersion: functions.GetLayerVersion, publishLayerVersion: functions.PublishLayerVersion, publishVersion: functions.PublishVersion, getAlias: functions.GetAlias, createAlias: functions.CreateAlias, updateAlias: functions.UpdateAlias, deleteAlias: functions.DeleteAlias, invoke: functions.Invoke,
		headObject: objects.HeadObject, putObject: objects.PutObject,
		filterLogEvents: logs.FilterLogEvents,
		describeAlarms:  alarms.DescribeAlarms,
	}
	if client, ok := cfg.HTTPClient.(*http.Client); ok {
		c.http = client
	}
	return c, nil
}

func loading(err error) error {
	f := &fault.Error{Kind: fault.Usage, What: "AWS's configuration cannot be read", Err: err, Fix: "correct ~/.aws/config, or the variables AWS_... that it says"}
	var none config.SharedConfigProfileNotExistError
	if errors.As(err, &none) {
		f.What, f.Fix = "AWS's configuration has no profile "+fault.Quote(none.Profile), "aws configure list-profiles lists them; name one by --profile or AWS_PROFILE (cargo's profile is of lpipe build)"
	}
	return f
}

func noCredentials(ctx context.Context, o Options, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := &fault.Error{
		Kind: fault.Usage, What: "there are no credentials for AWS that can be used", Err: err,
		Fix: "aws configure, aws sso login, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set some; in CI the role that the job assumes by OIDC; --profile names a profile",
	}
	var token *ssocreds.InvalidTokenError
	if errors.As(err, &token) || strings.Contains(err.Error(), "SSO token") { // of a session the error has no type
		f.What, f.Fix = "the login to AWS by SSO has expired", "aws sso login"
		if o.Profile != "" {
			f.Fix += " --profile " + o.Profile
		}
	}
	return f
}
