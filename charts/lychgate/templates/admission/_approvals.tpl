{{/*
What the policies of Approvals share. They hold in every namespace with gateways: no namespace is left out, since they
look at nothing but Approvals, and none can be trusted that they do not look at.
*/}}

{{/* The name of the Approval on which the operator tries the policies, in its own namespace. */}}
{{- define "lychgate.approval-canary" -}}
lychgate-guard-canary
{{- end }}

{{/* The name of the operator's role to see these policies. */}}
{{- define "lychgate.guard-role" -}}
{{ include "lychgate.operator" . }}-guard{{ if .Values.watchNamespaces }}.{{ .Release.Namespace }}{{ end }}
{{- end }}

{{/* The binding of a policy of Approvals: root, its own part, Validating or Mutating. */}}
{{- define "lychgate.approval-binding" -}}
{{- $root := index . 0 }}
{{- $name := include "lychgate.guard-name" (list $root (index . 1)) -}}
apiVersion: admissionregistration.k8s.io/v1
kind: {{ index . 2 }}AdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "lychgate.guard-labels" $root | nindent 4 }}
spec:
  policyName: {{ $name }}
  {{- if eq (index . 2) "Validating" }}
  validationActions: [Deny, Audit]
  {{- end }}
  {{- with $root.Values.watchNamespaces }}
  matchResources:
    namespaceSelector:
      matchExpressions:
        # The API server itself writes this label.
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ append . $root.Release.Namespace | uniq | toJson }}
  {{- end }}
{{- end }}

{{/*
Whether the mailbox is made: `Auto` where the API server serves such policies in v1, which `helm template` is told by
`--api-versions`.
*/}}
{{- define "lychgate.mailbox" -}}
{{- $kind := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- $value := .Values.admissionPolicies.mailbox }}
{{- if and .Values.admissionPolicies.enabled
  (or (eq $value "Always") (and (eq $value "Auto") (.Capabilities.APIVersions.Has $kind))) -}}
true
{{- end }}
{{- end }}

{{/* The canary of `check-admission`: an Approval that nobody may create, with these votes. */}}
{{- define "lychgate.approval-to-refuse" -}}
{{- $root := index . 0 }}
{{- $reference := dict "name" "canary" "uid" "none" "generation" 0 }}
{{- $spec := dict
  "request" (dict
    "digest" (printf "hmac-sha256:%s" (repeat 64 "0"))
    "connectionRef" $reference
    "policyRefs" (list (merge (dict "namespace" $root.Release.Namespace) $reference))
    "operation" "CallTool"
    "tool" "none"
    "caller" (dict "issuer" "none" "subject" "none" "username" "none" "kubernetesUsernames" (list "none"))
    "gateway" (printf "system:serviceaccount:%s:none" $root.Release.Namespace))
  "required" (dict
    "approvals" 1
    "requireReason" false
    "requireDigest" false
    "denyIsVeto" true
    "deadline" "2000-01-01T00:00:00Z"
    "grant" (dict "uses" 1 "validFor" "1s")) }}
{{- with index . 1 }}{{ $_ := set $spec "votes" . }}{{ end }}
{{- dict "apiVersion" "lychgate.dev/v1alpha1" "kind" "Approval" "spec" $spec | toJson }}
{{- end }}

{{/* CEL: whether a part of the metadata is what it was: its name, and what stands for none. */}}
{{- define "lychgate.cel-same" -}}
{{- $part := index . 0 }}
{{- $none := index . 1 -}}
(has(object.metadata.{{ $part }}) ? object.metadata.{{ $part }} : {{ $none }})
{{- print " " }}== (has(oldObject.metadata.{{ $part }}) ? oldObject.metadata.{{ $part }} : {{ $none }})
{{- end }}
