variable "endpoint" { type = string }
variable "access_key" {
  type      = string
  sensitive = true
}
variable "rest_api_id" { type = string }
variable "deployment_id" { type = string }
variable "backup_bucket_arn" { type = string }
variable "firehose_role_arn" { type = string }

resource "aws_kinesis_firehose_delivery_stream" "keytrail" {
  name        = "amazon-apigateway-keytrail"
  destination = "http_endpoint"

  http_endpoint_configuration {
    name               = "keytrail"
    url                = var.endpoint
    access_key         = var.access_key
    role_arn           = var.firehose_role_arn
    buffering_size     = 1  # MiB
    buffering_interval = 60 # seconds
    retry_duration     = 7200
    s3_backup_mode     = "FailedDataOnly"

    s3_configuration {
      role_arn   = var.firehose_role_arn
      bucket_arn = var.backup_bucket_arn
    }

    request_configuration {
      content_encoding = "GZIP"
      common_attributes {
        name  = "deployment.environment.name"
        value = "prod"
      }
    }
  }
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id   = var.rest_api_id
  deployment_id = var.deployment_id
  stage_name    = "prod"

  access_log_settings {
    destination_arn = aws_kinesis_firehose_delivery_stream.keytrail.arn
    format = jsonencode({
      extendedRequestId  = "$context.extendedRequestId"
      requestId          = "$context.requestId"
      requestTimeEpoch   = "$context.requestTimeEpoch"
      apiId              = "$context.apiId"
      stage              = "$context.stage"
      domainName         = "$context.domainName"
      httpMethod         = "$context.httpMethod"
      path               = "$context.path"
      resourcePath       = "$context.resourcePath"
      protocol           = "$context.protocol"
      status             = "$context.status"
      responseLength     = "$context.responseLength"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integration.latency"
      integration_status = "$context.integration.status"
      ip                 = "$context.identity.sourceIp"
      userAgent          = "$context.identity.userAgent"
      user               = "$context.identity.user"
      userArn            = "$context.identity.userArn"
      apiKeyId           = "$context.identity.apiKeyId"
      accessKey          = "$context.identity.accessKey"
      clientSubject      = "$context.identity.clientCert.subjectDN"
      principalId        = "$context.authorizer.principalId"
      authorizerError    = "$context.authorizer.error"
      errorMessage       = "$context.error.message"
      errorResponseType  = "$context.error.responseType"
      wafResponseCode    = "$context.wafResponseCode"
      xrayTraceId        = "$context.xrayTraceId"
    })
  }
}
