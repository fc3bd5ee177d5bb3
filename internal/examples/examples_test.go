package examples

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/events"

	"lpipe/internal/testparts/golden"
)

const library = "github.com/aws/aws-lambda-go"

// types are those of the library, by the names of its examples.
var types = map[string]any{
	"activemq-event":                                   events.ActiveMQEvent{},
	"alb-lambda-target-request-headers-only":           events.ALBTargetGroupRequest{},
	"alb-lambda-target-request-multivalue-headers":     events.ALBTargetGroupRequest{},
	"apigw-custom-auth-request":                        events.APIGatewayCustomAuthorizerRequest{},
	"apigw-custom-auth-request-type-request":           events.APIGatewayCustomAuthorizerRequestTypeRequest{},
	"apigw-request":                                    events.APIGatewayProxyRequest{},
	"apigw-restapi-openapi-request":                    events.APIGatewayProxyRequest{},
	"apigw-v2-custom-authorizer-v1-request":            events.APIGatewayV2CustomAuthorizerV1Request{},
	"apigw-v2-custom-authorizer-v2-request":            events.APIGatewayV2CustomAuthorizerV2Request{},
	"apigw-v2-request-iam":                             events.APIGatewayV2HTTPRequest{},
	"apigw-v2-request-jwt-authorizer":                  events.APIGatewayV2HTTPRequest{},
	"apigw-v2-request-lambda-authorizer":               events.APIGatewayV2HTTPRequest{},
	"apigw-v2-request-no-authorizer":                   events.APIGatewayV2HTTPRequest{},
	"apigw-websocket-request":                          events.APIGatewayWebsocketProxyRequest{},
	"apigw-websocket-request-disconnect":               events.APIGatewayWebsocketProxyRequest{},
	"apigw-websocket-request-send-message":             events.APIGatewayWebsocketProxyRequest{},
	"appsync-identity-cognito":                         events.AppSyncCognitoIdentity{},
	"appsync-identity-iam":                             events.AppSyncIAMIdentity{},
	"appsync-lambda-auth-request":                      events.AppSyncLambdaAuthorizerRequest{},
	"autoscaling-event-launch-successful":              events.AutoScalingEvent{},
	"autoscaling-event-launch-unsuccessful":            events.AutoScalingEvent{},
	"autoscaling-event-lifecycle-action":               events.AutoScalingEvent{},
	"autoscaling-event-terminate-action":               events.AutoScalingEvent{},
	"autoscaling-event-terminate-successful":           events.AutoScalingEvent{},
	"autoscaling-event-terminate-unsuccessful":         events.AutoScalingEvent{},
	"clientvpn-connectionhandler-request":              events.ClientVPNConnectionHandlerRequest{},
	"cloudformation-custom-resource-create-request":    cfn.Event{},
	"cloudwatch-alarm-sns-payload-multiple-metrics":    events.SNSEvent{},
	"cloudwatch-alarm-sns-payload-single-metric":       events.SNSEvent{},
	"cloudwatch-logs-event":                            events.CloudwatchLogsEvent{},
	"code-commit-event":                                events.CodeCommitEvent{},
	"codebuild-phase-change":                           events.CodeBuildEvent{},
	"codebuild-state-change":                           events.CodeBuildEvent{},
	"codedeploy-deployment-event":                      events.CodeDeployEvent{},
	"codedeploy-instance-event":                        events.CodeDeployEvent{},
	"codepipeline-action-execution-stage-change-event": events.CodePipelineCloudWatchEvent{},
	"codepipeline-execution-stage-change-event":        events.CodePipelineCloudWatchEvent{},
	"codepipeline-execution-state-change-event":        events.CodePipelineCloudWatchEvent{},
	"codepipeline-job-event":                           events.CodePipelineJobEvent{},
	"cognito-event":                                    events.CognitoEvent{},
	"cognito-event-userpools-create-auth-challenge":    events.CognitoEventUserPoolsCreateAuthChallenge{},
	"cognito-event-userpools-custommessage":            events.CognitoEventUserPoolsCustomMessage{},
	"cognito-event-userpools-define-auth-challenge":    events.CognitoEventUserPoolsDefineAuthChallenge{},
	"cognito-event-userpools-migrateuser":              events.CognitoEventUserPoolsMigrateUser{},
	"cognito-event-userpools-postauthentication":       events.CognitoEventUserPoolsPostAuthentication{},
	"cognito-event-userpools-postconfirmation":         events.CognitoEventUserPoolsPostConfirmation{},
	"cognito-event-userpools-preauthentication":        events.CognitoEventUserPoolsPreAuthentication{},
	"cognito-event-userpools-presignup":                events.CognitoEventUserPoolsPreSignup{},
	"cognito-event-userpools-pretokengen":              events.CognitoEventUserPoolsPreTokenGen{},
	"cognito-event-userpools-pretokengen-v2":           events.CognitoEventUserPoolsPreTokenGenV2{}, //nolint:staticcheck // its successor lets more be null than aws_lambda_events reads
	"cognito-event-userpools-verify-auth-challenge":    events.CognitoEventUserPoolsVerifyAuthChallenge{},
	"config-event":                                     events.ConfigEvent{},
	"connect-event":                                    events.ConnectEvent{},
	"dynamodb-event":                                   events.DynamoDBEvent{},
	"dynamodb-time-window-event":                       events.DynamoDBTimeWindowEvent{},
	"ecr-image-push-event":                             events.ECRImageActionEvent{},
	"ecr-image-scan-event":                             events.ECRScanEvent{},
	"ecs-container-instance-state-change":              events.ECSContainerInstanceEvent{},
	"eventbridge-event-obj":                            events.EventBridgeEvent{},
	"eventbridge-schedule":                             events.EventBridgeEvent{},
	"iot-custom-auth-request":                          events.IoTCoreCustomAuthorizerRequest{},
	"iot-preprovision-hook-request":                    events.IoTPreProvisionHookRequest{},
	"kafka-event":                                      events.KafkaEvent{},
	"kinesis-analytics-output-delivery-event":          events.KinesisAnalyticsOutputDeliveryEvent{},
	"kinesis-event":                                    events.KinesisEvent{},
	"kinesis-firehose-event":                           events.KinesisFirehoseEvent{},
	"kinesis-time-window-event":                        events.KinesisTimeWindowEvent{},
	"lambda-urls-request":                              events.LambdaFunctionURLRequest{},
	"lex-event":                                        events.LexEvent{},
	"rabbitmq-event":                                   events.RabbitMQEvent{},
	"s3-batch-job-event-request-1.0":                   events.S3BatchJobEvent{},
	"s3-batch-job-event-request-2.0":                   events.S3BatchJobEventV2{},
	"s3-event":                                         events.S3Event{},
	"s3-glacier-event":                                 events.S3Event{},
	"s3-intelligenttier-event":                         events.S3Event{},
	"s3-lifecycle-event":                               events.S3Event{},
	"s3-object-lambda-event-get-object-assumed-role":   events.S3ObjectLambdaEvent{},
	"s3-object-lambda-event-get-object-iam":            events.S3ObjectLambdaEvent{},
	"s3-object-lambda-event-head-object-iam":           events.S3ObjectLambdaEvent{},
	"s3-object-lambda-event-list-objects-iam":          events.S3ObjectLambdaEvent{},
	"s3-object-lambda-event-list-objects-v2-iam":       events.S3ObjectLambdaEvent{},
	"s3-replication-event":                             events.S3Event{},
	"s3-restore-event":                                 events.S3Event{},
	"secretsmanager-secret-rotation-event":             events.SecretsManagerSecretRotationEvent{},
	"ses-lambda-event":                                 events.SimpleEmailEvent{},
	"sns-event":                                        events.SNSEvent{},
	"sqs-event":                                        events.SQSEvent{},
}

// rust are events whose types the library lacks, as the crate aws_lambda_events has them.
var rust = []string{
	"appsync-direct-resolver", "bedrock-agent-runtime-event", "cloudwatch-alarm-composite", "cloudwatch-alarm-metric", "documentdb-insert-event",
	"vpc-lattice-v1-request", "vpc-lattice-v2-request",
}

// leftOut are examples of the library that are not events of a function, or of services that are gone.
func leftOut(name string) bool {
	return strings.HasSuffix(name, "-response") || strings.Contains(name, "malformed") ||
		slices.Contains([]string{
			"cognito-event-userpools-inbound-federation-oidc", "cognito-event-userpools-inbound-federation-saml", "cognito-event-userpools-pretokengen-v2_0", // the library's own types, which those of Rust lack
			"iot-1-click-event", "iot-button-event", // ended
			"s3-event-with-decoded",         // has a field that the library adds
			"ses-s3-event", "ses-sns-event", // the contents of a message, which comes in an event of SNS
		}, name)
}

// sources are the files that the events are made of, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, pattern := range []string{filepath.Join(strings.TrimSpace(string(dir)), "events/testdata/*.json"), "testdata/*.json"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			if name := strings.TrimSuffix(filepath.Base(path), ".json"); !leftOut(name) {
				found[name] = path
			}
		}
	}
	return found
}

// TestEventsAreThoseOfTheLibrary: each is an example of the library, decoded by its type, in full and with nulls.
func TestEventsAreThoseOfTheLibrary(t *testing.T) {
	found := sources(t)
	var want []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		schema, ok := types[name]
		if !ok && !slices.Contains(rust, name) {
			t.Errorf("%s has no type", name)
			continue
		}
		data, err := os.ReadFile(found[name])
		if err != nil {
			t.Fatal(err)
		}
		// A host has no angle brackets, and lambda_http ends at one that is none.
		data = bytes.ReplaceAll(data, []byte("<url-id>"), []byte("abcdefghijklmnopqrstuvwxyz012345"))
		var event any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&event); err != nil {
			t.Fatal(name, err)
		}
		forms := map[string]any{name: event}
		if ok {
			forms[name+Null] = nulls(reflect.TypeOf(schema), event)
		}
		for file, form := range forms {
			want = append(want, file)
			text, err := json.MarshalIndent(form, "", "  ")
			if err != nil {
				t.Fatal(file, err)
			}
			golden.Check(t, filepath.Join("events", file+".json"), string(text)+"\n")
			if !ok {
				continue
			}
			if err := json.Unmarshal(text, reflect.New(reflect.TypeOf(schema)).Interface()); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for name := range types {
		if found[name] == "" {
			t.Errorf("there is no example %s", name)
		}
	}
	slices.Sort(want)
	if got := Names(); !golden.Updating() && !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// alwaysSent are fields that the types allow to be missing, and that the service always sends, if empty.
var alwaysSent = []string{
	"ALBTargetGroupRequest.QueryStringParameters", "ALBTargetGroupRequest.MultiValueQueryStringParameters",
	"APIGatewayV2CustomAuthorizerV1Request.Headers", "APIGatewayV2HTTPRequest.Headers", "LambdaFunctionURLRequest.Headers",
	"APIGatewayV2CustomAuthorizerV2Request.Headers", "CodeBuildPhase.EndTime", "CognitoEventUserPoolsPreTokenGenV2Response.ClaimsAndScopeOverrideDetails",
	"DynamoDBStreamRecord.ApproximateCreationDateTime",
}

// nulls returns the value with null in place of what its type allows to be missing: pointers, what is left out when empty,
// and maps, unless these hold values that have fields themselves. Lists are empty where services have nothing for them.
func nulls(schema reflect.Type, value any) any {
	schema = element(schema, reflect.Pointer)
	switch value := value.(type) {
	case []any:
		all := slices.Clone(value)
		if schema.Kind() == reflect.Slice {
			for i := range value {
				all[i] = nulls(schema.Elem(), value[i])
			}
		}
		return all
	case map[string]any:
		all := maps.Clone(value)
		if schema.Kind() == reflect.Map {
			for key := range value {
				all[key] = nulls(schema.Elem(), value[key])
			}
		}
		for _, field := range fields(schema) {
			key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case value[key] == nil:
			case slices.Contains(alwaysSent, schema.Name()+"."+field.Name):
			case field.Type.Kind() == reflect.Pointer, !holdsFields(field.Type) && (options != "" || field.Type.Kind() == reflect.Map):
				all[key] = nil
			default:
				all[key] = nulls(field.Type, value[key])
			}
		}
		return all
	}
	return value
}

// fields are those of a struct that are named in JSON.
func fields(schema reflect.Type) (named []reflect.StructField) {
	if schema.Kind() != reflect.Struct {
		return nil
	}
	return slices.DeleteFunc(reflect.VisibleFields(schema), func(f reflect.StructField) bool { return f.Tag.Get("json") == "" })
}

func holdsFields(schema reflect.Type) bool {
	return len(fields(element(schema, reflect.Pointer, reflect.Slice, reflect.Map))) > 0
}

// element is what pointers and others of these kinds lead to.
func element(schema reflect.Type, kinds ...reflect.Kind) reflect.Type {
	for slices.Contains(kinds, schema.Kind()) {
		schema = schema.Elem()
	}
	return schema
}

func TestNamesLeadToEventsAlone(t *testing.T) {
	for _, name := range append(Names(), "../examples", "", ".", "nothing") {
		event, ok := Event(name)
		if known := slices.Contains(Names(), name); ok != known || ok && !json.Valid(event) {
			t.Errorf("%q: %v %s", name, ok, event)
		}
	}
}

func TestNamesThatAreAlike(t *testing.T) {
	if got := Like("sqs"); !slices.Contains(got, "sqs-event") || slices.Contains(got, "sqs-event"+Null) {
		t.Errorf("%q", got)
	}
	if got := append(Like(""), Like("no such service")...); got != nil {
		t.Errorf("%q", got)
	}
}
