//! Which type of aws_lambda_events an example of lpipe is of.

use aws_lambda_events as events;
use serde::de::DeserializeOwned;

type Read = Result<(), serde_json::Error>;

fn as_type<T: DeserializeOwned>(event: &str) -> Read {
    serde_json::from_str::<T>(event).map(drop)
}

/// How the events are read whose names begin so; the first that fits.
const TYPES: &[(&str, fn(&str) -> Read)] = &[
    ("activemq", as_type::<events::activemq::ActiveMqEvent>),
    (
        "alb-lambda-target-request",
        as_type::<events::alb::AlbTargetGroupRequest>,
    ),
    (
        "apigw-custom-auth-request-type-request",
        as_type::<events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest>,
    ),
    (
        "apigw-custom-auth-request",
        as_type::<events::apigw::ApiGatewayCustomAuthorizerRequest>,
    ),
    (
        "apigw-request",
        as_type::<events::apigw::ApiGatewayProxyRequest>,
    ),
    (
        "apigw-restapi",
        as_type::<events::apigw::ApiGatewayProxyRequest>,
    ),
    (
        "apigw-v2-custom-authorizer-v1",
        as_type::<events::apigw::ApiGatewayV2CustomAuthorizerV1Request>,
    ),
    (
        "apigw-v2-custom-authorizer-v2",
        as_type::<events::apigw::ApiGatewayV2CustomAuthorizerV2Request>,
    ),
    (
        "apigw-v2-request",
        as_type::<events::apigw::ApiGatewayV2httpRequest>,
    ),
    (
        "apigw-websocket",
        as_type::<events::apigw::ApiGatewayWebsocketProxyRequest>,
    ),
    (
        "appsync-identity-cognito",
        as_type::<events::appsync::AppSyncCognitoIdentity>,
    ),
    (
        "appsync-identity-iam",
        as_type::<events::appsync::AppSyncIamIdentity>,
    ),
    (
        "appsync-lambda-auth",
        as_type::<events::appsync::AppSyncLambdaAuthorizerRequest>,
    ),
    (
        "autoscaling",
        as_type::<events::autoscaling::AutoScalingEvent>,
    ),
    (
        "clientvpn",
        as_type::<events::clientvpn::ClientVpnConnectionHandlerRequest>,
    ),
    (
        "cloudformation-custom",
        as_type::<events::cloudformation::CloudFormationCustomResourceRequest>,
    ),
    ("cloudwatch-alarm-sns", as_type::<events::sns::SnsEvent>),
    (
        "cloudwatch-logs",
        as_type::<events::cloudwatch_logs::LogsEvent>,
    ),
    (
        "code-commit",
        as_type::<events::code_commit::CodeCommitEvent>,
    ),
    ("codebuild", as_type::<events::codebuild::CodeBuildEvent>),
    ("codedeploy", as_type::<events::codedeploy::CodeDeployEvent>),
    (
        "codepipeline-job",
        as_type::<events::codepipeline_job::CodePipelineJobEvent>,
    ),
    (
        "codepipeline",
        as_type::<events::codepipeline_cloudwatch::CodePipelineCloudWatchEvent>,
    ),
    (
        "cognito-event-userpools-create",
        as_type::<events::cognito::CognitoEventUserPoolsCreateAuthChallenge>,
    ),
    (
        "cognito-event-userpools-custommessage",
        as_type::<events::cognito::CognitoEventUserPoolsCustomMessage>,
    ),
    (
        "cognito-event-userpools-define",
        as_type::<events::cognito::CognitoEventUserPoolsDefineAuthChallenge>,
    ),
    (
        "cognito-event-userpools-migrateuser",
        as_type::<events::cognito::CognitoEventUserPoolsMigrateUser>,
    ),
    (
        "cognito-event-userpools-postauthentication",
        as_type::<events::cognito::CognitoEventUserPoolsPostAuthentication>,
    ),
    (
        "cognito-event-userpools-postconfirmation",
        as_type::<events::cognito::CognitoEventUserPoolsPostConfirmation>,
    ),
    (
        "cognito-event-userpools-preauthentication",
        as_type::<events::cognito::CognitoEventUserPoolsPreAuthentication>,
    ),
    (
        "cognito-event-userpools-presignup",
        as_type::<events::cognito::CognitoEventUserPoolsPreSignup>,
    ),
    (
        "cognito-event-userpools-pretokengen-v2",
        as_type::<events::cognito::CognitoEventUserPoolsPreTokenGenV2>,
    ),
    (
        "cognito-event-userpools-pretokengen",
        as_type::<events::cognito::CognitoEventUserPoolsPreTokenGen>,
    ),
    (
        "cognito-event-userpools-verify",
        as_type::<events::cognito::CognitoEventUserPoolsVerifyAuthChallenge>,
    ),
    ("cognito-event", as_type::<events::cognito::CognitoEvent>),
    ("config", as_type::<events::config::ConfigEvent>),
    ("connect", as_type::<events::connect::ConnectEvent>),
    (
        "dynamodb-time",
        as_type::<events::dynamodb::TimeWindowEvent>,
    ),
    ("dynamodb", as_type::<events::dynamodb::Event>),
    ("ecr-image-scan", as_type::<events::ecr_scan::EcrScanEvent>),
    (
        "eventbridge",
        as_type::<events::eventbridge::EventBridgeEvent>,
    ),
    (
        "iot-custom",
        as_type::<events::iot::IoTCoreCustomAuthorizerRequest>,
    ),
    ("kafka", as_type::<events::kafka::KafkaEvent>),
    (
        "kinesis-firehose",
        as_type::<events::firehose::KinesisFirehoseEvent>,
    ),
    (
        "kinesis-time",
        as_type::<events::kinesis::KinesisTimeWindowEvent>,
    ),
    ("kinesis-event", as_type::<events::kinesis::KinesisEvent>),
    (
        "lambda-urls",
        as_type::<events::lambda_function_urls::LambdaFunctionUrlRequest>,
    ),
    ("lex", as_type::<events::lex::LexEvent>),
    ("rabbitmq", as_type::<events::rabbitmq::RabbitMqEvent>),
    (
        "s3-object",
        as_type::<events::s3::object_lambda::S3ObjectLambdaEvent>,
    ),
    (
        "s3-batch",
        as_type::<events::s3::batch_job::S3BatchJobEvent>,
    ),
    ("s3-", as_type::<events::s3::S3Event>),
    (
        "secretsmanager",
        as_type::<events::secretsmanager::SecretsManagerSecretRotationEvent>,
    ),
    ("ses", as_type::<events::ses::SimpleEmailEvent>),
    ("sns", as_type::<events::sns::SnsEvent>),
    ("sqs", as_type::<events::sqs::SqsEvent>),
    (
        "vpc-lattice-v1",
        as_type::<events::vpc_lattice::VpcLatticeRequestV1>,
    ),
    (
        "vpc-lattice-v2",
        as_type::<events::vpc_lattice::VpcLatticeRequestV2>,
    ),
    ("documentdb", as_type::<events::documentdb::DocumentDbEvent>),
];

/// Examples of services that the crate has no types for.
const UNKNOWN: &[&str] = &[
    "appsync-direct-resolver",
    "bedrock-agent-runtime-event",
    "cloudwatch-alarm-composite",
    "cloudwatch-alarm-metric",
    "ecr-image-push-event",
    "ecs-container-instance-state-change",
    "iot-preprovision-hook-request",
    "kinesis-analytics-output-delivery-event",
];

/// Reads an example by its type; none if the crate has no type for it.
///
/// # Panics
///
/// For a name that is in neither list.
pub fn read(name: &str, event: &str) -> Option<Read> {
    if UNKNOWN.iter().any(|unknown| name.starts_with(unknown)) {
        return None;
    }
    let (_, read) = TYPES
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .unwrap_or_else(|| panic!("{name} has no type"));
    Some(read(event))
}
