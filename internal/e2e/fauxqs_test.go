package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// nodeTools is where make aws-tools installs what comes from npm.
const nodeTools = "../../bin/node"

// serveFauxqs says its port once it listens, and ends when nobody holds its input
// any more.
const serveFauxqs = `
import { buildApp } from "fauxqs";
const app = buildApp({ logger: false });
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
process.stdin.on("end", () => process.exit(0)).resume();
`

// region is where the topics of the tests are. It is not the server's own default.
const region = "eu-central-1"

// fauxAWS is a server of SNS and SQS that is not ours.
type fauxAWS struct {
	t   *testing.T
	url string
	sns *sns.Client
	sqs *sqs.Client
}

func newFauxAWS(t *testing.T) *fauxAWS {
	t.Helper()
	if _, err := filepath.EvalSymlinks(filepath.Join(nodeTools, "node_modules", "fauxqs")); err != nil {
		t.Fatalf("fauxqs is not installed: make aws-tools does so: %v", err)
	}
	cmd := exec.Command("node", "--input-type=module", "-e", serveFauxqs)
	cmd.Dir = nodeTools
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting node: %v", err)
	}
	late := time.AfterFunc(2*soon, func() { _ = cmd.Process.Kill() })
	port, err := bufio.NewReader(output).ReadString('\n')
	late.Stop()
	t.Cleanup(func() {
		_ = input.Close()
		late := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ends is its own business
		late.Stop()
	})
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("fauxqs does not say where it listens: %v\n%s", err, complaint.String())
	}
	f := &fauxAWS{t: t, url: "http://127.0.0.1:" + strings.TrimSpace(port)}
	keys := credentials.NewStaticCredentialsProvider("test", "test", "")
	way := &http.Transport{}
	t.Cleanup(way.CloseIdleConnections)
	client := &http.Client{Transport: way}
	f.sns = sns.New(sns.Options{Region: region, Credentials: keys, BaseEndpoint: &f.url, HTTPClient: client})
	f.sqs = sqs.New(sqs.Options{Region: region, Credentials: keys, BaseEndpoint: &f.url, HTTPClient: client})
	return f
}

// topic makes a topic and returns its ARN.
func (f *fauxAWS) topic(name string) string {
	f.t.Helper()
	in := &sns.CreateTopicInput{Name: &name}
	if strings.HasSuffix(name, ".fifo") {
		in.Attributes = map[string]string{"FifoTopic": "true"}
	}
	out, err := f.sns.CreateTopic(f.t.Context(), in)
	if err != nil {
		f.t.Fatalf("making topic %s: %v", name, err)
	}
	return aws.ToString(out.TopicArn)
}

// subscribe makes a queue that gets what the topic's subscription lets through,
// and returns its URL.
func (f *fauxAWS) subscribe(topic, queue string, subscription map[string]string) string {
	f.t.Helper()
	in := &sqs.CreateQueueInput{QueueName: &queue}
	if strings.HasSuffix(queue, ".fifo") {
		in.Attributes = map[string]string{"FifoQueue": "true"}
	}
	made, err := f.sqs.CreateQueue(f.t.Context(), in)
	if err != nil {
		f.t.Fatalf("making queue %s: %v", queue, err)
	}
	known, err := f.sqs.GetQueueAttributes(f.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		f.t.Fatalf("looking at queue %s: %v", queue, err)
	}
	if _, err := f.sns.Subscribe(f.t.Context(), &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(known.Attributes["QueueArn"]), Attributes: subscription,
	}); err != nil {
		f.t.Fatalf("subscribing queue %s: %v", queue, err)
	}
	return aws.ToString(made.QueueUrl)
}

// arrived takes what is in a queue until there are n messages, or none more come.
func (f *fauxAWS) arrived(queue string, n int) []sqstypes.Message {
	f.t.Helper()
	var got []sqstypes.Message
	ctx, cancel := context.WithTimeout(f.t.Context(), soon)
	defer cancel()
	for len(got) < n {
		out, err := f.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 300,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			f.t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
		for _, m := range out.Messages { // a FIFO queue gives no more of a group before
			got = append(got, m)
			if _, err := f.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
				f.t.Fatalf("taking a message away: %v", err)
			}
		}
	}
	return got
}

// empty fails the test if there is something in a queue. What was published
// before is there by now: the server hands it on before it answers.
func (f *fauxAWS) empty(queue string) {
	f.t.Helper()
	out, err := f.sqs.ReceiveMessage(f.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range out.Messages {
		f.t.Errorf("in the queue there is also %.300s", aws.ToString(m.Body))
	}
}

// snsMessage is the message that SNS was given.
type snsMessage struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
	Trimmed   []string        `json:"trimmed"`
}

// event is the canonical event's id, type, request and raw.
func (p snsMessage) event(t *testing.T) (ev struct {
	ID, Type string
	Request  struct{ Reason string }
	Raw      json.RawMessage
}) {
	t.Helper()
	if err := json.Unmarshal(p.Data, &ev); err != nil {
		t.Fatalf("reading data: %v", err)
	}
	return ev
}

func readSNS(t *testing.T, message string) snsMessage {
	t.Helper()
	var p snsMessage
	if err := json.Unmarshal([]byte(message), &p); err != nil {
		t.Fatalf("reading a message: %v: %.300s", err, message)
	}
	return p
}
