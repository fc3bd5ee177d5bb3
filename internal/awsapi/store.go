package awsapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"lpipe/internal/fault"
)

// Put stores a zip in S3. Where the key holds its digest, an object of that key and size is taken to be it.
func (c *Client) Put(ctx context.Context, bucket, key string, zip []byte) (version string, err error) {
	if strings.Contains(key, fmt.Sprintf("%x", sha256.Sum256(zip))) {
		there, err := c.headObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err == nil && aws.ToInt64(there.ContentLength) == int64(len(zip)) {
			return objectVersion(there.VersionId), nil
		}
	}
	stored, err := c.putObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(zip), ContentType: aws.String("application/zip")})
	if err != nil {
		return "", failed(ctx, "s3:PutObject", bucket+"/"+key, err)
	}
	return objectVersion(stored.VersionId), nil
}

// objectVersion is "" for objects that were stored before the bucket kept versions, or where it keeps none.
func objectVersion(id *string) string {
	if aws.ToString(id) == "null" {
		return ""
	}
	return aws.ToString(id)
}

// Alarming returns which alarms are on.
func (c *Client) Alarming(ctx context.Context, alarms []string) (on []string, err error) {
	missing := slices.Clone(alarms)
	for some := range slices.Chunk(alarms, 100) { // of which a request takes a hundred
		out, err := c.describeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
			AlarmNames: some, AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm, cloudwatchtypes.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(100),
		})
		if err != nil {
			return nil, failed(ctx, "cloudwatch:DescribeAlarms", strings.Join(some, ", "), err)
		}
		state := func(name string, value cloudwatchtypes.StateValue) {
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
			if value == cloudwatchtypes.StateValueAlarm {
				on = append(on, name)
			}
		}
		for _, a := range out.MetricAlarms {
			state(aws.ToString(a.AlarmName), a.StateValue)
		}
		for _, a := range out.CompositeAlarms {
			state(aws.ToString(a.AlarmName), a.StateValue)
		}
	}
	if len(missing) > 0 {
		return nil, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("CloudWatch has no alarm %s in this region", strings.Join(missing, ", ")), Fix: "correct the name: aws cloudwatch describe-alarms lists them",
		}
	}
	return on, nil
}
