package awsapi

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// Event is a line of a log.
type Event struct {
	ID      string
	At      time.Time
	Message string
}

// Events are those of a log group since a time, the oldest first.
func (c *Client) Events(ctx context.Context, group string, since time.Time, each func(Event)) error {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())}
	for {
		page, err := c.filterLogEvents(ctx, in)
		if err != nil {
			return failed(ctx, "logs:FilterLogEvents", group, err)
		}
		for _, e := range page.Events {
			each(Event{ID: aws.ToString(e.EventId), At: time.UnixMilli(aws.ToInt64(e.Timestamp)), Message: aws.ToString(e.Message)})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}
