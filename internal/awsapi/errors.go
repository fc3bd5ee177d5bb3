package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// otherRegion is the fix for a bucket that is not where the functions are.
const otherRegion = "name a bucket in the region of the functions, since Lambda takes zips from no other; --region names another for both"

// notAllowed is how AWS says what somebody may not do, and with what.
var notAllowed = pattern.Of(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+) on resource: (\S+)`)

// failed is an error of AWS in words. of is what was asked about, such as a function; lambda says that it was Lambda.
func failed(ctx context.Context, action, of string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := &fault.Error{Kind: fault.Publish, What: fmt.Sprintf("%s of %s failed", action, of), Err: err, Fix: "correct that, and run the command again; it goes on from there"}
	var api smithy.APIError
	if !errors.As(err, &api) {
		f.Fix = "see that this machine reaches AWS, and run the command again; it goes on from there"
		var dialled *net.OpError
		if errors.As(err, &dialled) && dialled.Op == "dial" {
			f.What, f.Err = fmt.Sprintf("AWS is not reached, for %s of %s", action, of), dialled
			f.Fix = "see that the region is right, and what docs/networks.md says of proxies; then run the command again, which goes on from there"
		}
		return f
	}
	code, message := api.ErrorCode(), api.ErrorMessage()
	f.Why = strings.TrimSuffix(code+": "+message, ": ")
	switch code {
	case "ResourceNotFoundException", "NoSuchKey", "NotFound":
		f.Err = fmt.Errorf("%w: %w", deploy.ErrNotFound, err)
		f.Fix = "see that the name and the region are right"
	case "NoSuchBucket":
		f.Fix = "see that the name of the bucket and the region are right"
	case "PreconditionFailedException":
		f.Err = fmt.Errorf("%w: %w: %w", deploy.ErrConflict, deploy.ErrRevision, err)
	case "ResourceConflictException":
		f.Err = fmt.Errorf("%w: %w", deploy.ErrConflict, err)
	case "InvalidParameterValueException":
		// Of a role that was made just now, and of a version whose code is not there yet for the server that was asked.
		if strings.Contains(message, "cannot be assumed") || strings.Contains(message, "CodeSHA256") || strings.Contains(message, "CodeSha256") {
			f.Err = fmt.Errorf("%w: %w", deploy.ErrConflict, err)
		}
		if strings.Contains(message, "cannot be assumed") {
			f.Fix = "let lambda.amazonaws.com assume the role, by its trust policy; one that was made just now takes a minute"
		}
		if strings.Contains(message, "PermanentRedirect") {
			f.Fix = otherRegion
		}
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently":
		f.Fix = otherRegion
	case "AccessDeniedException", "AccessDenied", "Forbidden":
		if m := notAllowed().FindStringSubmatch(message); m != nil && m[1] != "lambda:"+action {
			action, of = m[1], m[2] // of what the request needs beside itself, such as iam:PassRole
		} else if strings.Contains(message, "denied by S3") {
			action, of = "s3:GetObject", "the zip"
		}
		f.What, f.Fix = fmt.Sprintf("AWS does not allow %s of %s", action, of), "have your role or user allowed lambda:"+action+" on it; docs/deploy.md lists all that a deployment needs"
		if strings.Contains(action, ":") {
			f.Fix = "have your role or user allowed " + action + " on it; docs/deploy.md lists all that a deployment needs"
		}
	case "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId":
		f.What, f.Fix = "AWS does not take the credentials", "log in again, as by aws sso login, and run the command again; it goes on from there"
	case "TooManyRequestsException", "ThrottlingException", "Throttling":
		f.Fix = "AWS takes fewer requests than are sent, by whomever; run the command again later, it goes on from there"
		var busy *types.TooManyRequestsException
		if errors.As(err, &busy) && busy.Reason == types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
			f.Fix = "the function has no concurrency left of what is reserved for it: aws lambda get-function-concurrency shows it, and put-function-concurrency raises it"
		}
	case "InvalidCodeSignatureException", "CodeVerificationFailedException":
		f.Fix = "the function takes code that AWS Signer signed, and lpipe signs none for it: sign the zip there, and update the function by aws lambda update-function-code"
	case "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException":
		f.Fix = "see to the KMS key of the function's variables: aws lambda get-function-configuration shows it as KMSKeyArn"
	case "CodeStorageExceededException":
		f.Fix = "delete versions that nobody needs: aws lambda delete-function --function-name NAME --qualifier VERSION; or have the zips in S3 alone, by --s3-reference"
	case "RequestEntityTooLargeException":
		f.Fix = "--s3-bucket BUCKET sends the zip through S3"
	}
	return f
}
