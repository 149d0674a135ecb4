package event

import "strings"

// agentFamilies are looked for in order: a browser names those it descends from, so the youngest stands first.
var agentFamilies = []struct{ mark, family string }{
	{"bot", "bot"}, {"crawler", "bot"}, {"spider", "bot"},
	{"edg/", "edge"}, {"opr/", "opera"}, {"firefox/", "firefox"}, {"chrome/", "chrome"}, {"safari/", "safari"},
}

// knownAgents are the products whose name alone says nothing of a person: tools, libraries and CI systems. The families
// themselves are among them, so that what was cut to its family stays what it is.
var knownAgents = index([]string{
	"ansible-httpget", "apache-httpclient", "aws-cli", "aws-sdk-go", "aws-sdk-java", "axios", "azure-sdk-for-go", "boto3",
	"curl", "dart", "deno", "faraday", "github-actions", "gitlab-runner", "go-http-client", "got", "grpc-go", "guzzlehttp",
	"hashicorp", "helm", "httpie", "insomnia", "java", "jenkins", "k6", "kube-probe", "kubectl", "libwww-perl",
	"node-fetch", "nodejs", "okhttp", "php", "postmanruntime", "prometheus", "python-httpx", "python-requests",
	"python-urllib", "reqwest", "rest-client", "ruby", "terraform", "undici", "vegeta", "wget", "wrk",
	"bot", "chrome", "edge", "firefox", "opera", "other", "safari",
})

// AgentFamily names the kind of program behind a User-Agent, from a closed set: whatever a caller can write into the
// header, a name, a host, a version that is theirs alone, does not get into a class that is kept for a year.
func AgentFamily(agent string) string {
	if agent == "" {
		return ""
	}
	lower := strings.ToLower(agent)
	product, _, _ := strings.Cut(lower, "/")
	product, _, _ = strings.Cut(product, " ")
	if _, ok := knownAgents[product]; ok {
		return product
	}
	for _, f := range agentFamilies {
		if strings.Contains(lower, f.mark) {
			return f.family
		}
	}
	return "other"
}
