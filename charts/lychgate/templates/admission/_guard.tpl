{{/*
What every admission policy shares. A policy is called a guard here; `lychgate-operator check-admission` proves it
with the canary in its annotations: an object that it must refuse, sent as a dry run. No other guard may refuse that
canary too, since the API server names only one of those that do.
*/}}

{{/* The own parts of all guards' names. */}}
{{- define "lychgate.guards" -}}
[accounts, approval-votes, approval-writers, bindings, connection-authors, gateway-authors, owned-objects, workloads]
{{- end }}

{{/* A guard's name: root and its own part. */}}
{{- define "lychgate.guard-name" -}}
{{- $name := index . 1 }}
{{- with index . 0 -}}
{{ $name }}.{{ if .Values.watchNamespaces }}{{ .Release.Namespace }}.{{ end }}lychgate.dev
{{- end }}
{{- end }}

{{/* A guard's labels: root. The last says whose it is, where several releases watch namespaces of their own. */}}
{{- define "lychgate.guard-labels" -}}
{{ include "lychgate.cluster-labels" . }}
lychgate.dev/guard: "true"
lychgate.dev/operator-namespace: {{ .Release.Namespace }}
{{- end }}

{{/* A guard's metadata: root, its own part, the plural of the canary's kind, and the canary. */}}
{{- define "lychgate.guard-metadata" -}}
{{- $root := index . 0 }}
{{- $canary := index . 3 }}
{{- $place := dict "name" "lychgate-canary" "namespace" $root.Release.Namespace }}
{{- $_ := set $canary "metadata" (merge $place ($canary.metadata | default dict)) -}}
name: {{ include "lychgate.guard-name" (list $root (index . 1)) }}
labels:
  {{- include "lychgate.guard-labels" $root | nindent 2 }}
annotations:
  lychgate.dev/canary-resource: {{ index . 2 }}
  lychgate.dev/canary: {{ toJson $canary | squote }}
{{- end }}

{{/* The binding by which a guard is in force: root and its own part. */}}
{{- define "lychgate.guard-binding" -}}
{{- $root := index . 0 }}
{{- $name := include "lychgate.guard-name" . }}
{{- if has $root.Release.Namespace $root.Values.admissionPolicies.excludedNamespaces }}
{{- $problem := "admissionPolicies.excludedNamespaces names %s, the release's own namespace: install into another, or take it out" }}
{{- fail (printf $problem $root.Release.Namespace) }}
{{- end -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "lychgate.guard-labels" $root | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchExpressions:
        # The API server itself writes this label.
        {{- with $root.Values.watchNamespaces }}
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ append . $root.Release.Namespace | uniq | toJson }}
        {{- end }}
        {{- with $root.Values.admissionPolicies.excludedNamespaces }}
        - key: kubernetes.io/metadata.name
          operator: NotIn
          values: {{ toJson . }}
        {{- end }}
        {{- if not (or $root.Values.watchNamespaces $root.Values.admissionPolicies.excludedNamespaces) }}
        - key: kubernetes.io/metadata.name
          operator: Exists
        {{- end }}
{{- end }}

{{/* CEL: a list of user names. */}}
{{- define "lychgate.cel-list" -}}
[{{ range $index, $name := . }}{{ if $index }}, {{ end }}'{{ $name }}'{{ end }}]
{{- end }}

{{/* CEL: the operator's user name. */}}
{{- define "lychgate.cel-operator" -}}
'system:serviceaccount:{{ .Release.Namespace }}:{{ include "lychgate.operator" . }}'
{{- end }}

{{/* CEL: the user names of controllers of Kubernetes. Without an account of their own they are all the last one. */}}
{{- define "lychgate.cel-controllers" -}}
{{- $names := list }}
{{- range . }}{{ $names = append $names (printf "system:serviceaccount:kube-system:%s" .) }}{{ end }}
{{- include "lychgate.cel-list" (append $names "system:kube-controller-manager") }}
{{- end }}

{{/*
CEL: whether a service account is a gateway's: root, name, namespace (both CEL). Policies can look nothing up, so
that it is told by its name, and nobody but the operator may make accounts of such names. The chart's own two
accounts are none.
*/}}
{{- define "lychgate.cel-gateway-account" -}}
{{- $root := index . 0 }}
{{- $own := list (include "lychgate.operator" $root) (include "lychgate.check" $root) -}}
({{ index . 1 }}.startsWith('lychgate-')
{{- print " " }}&& !({{ index . 2 }} == '{{ $root.Release.Namespace }}' && {{ index . 1 }} in {{ include "lychgate.cel-list" $own }}))
{{- end }}

{{/* CEL: whether labels (CEL, a map) are those of what the operator made, or those by which a gateway's pods are found. */}}
{{- define "lychgate.cel-marked" -}}
{{- $labels := . -}}
{{- $is := "('%s' in %s && %s['%s'] == '%s')" -}}
{{- $managed := "app.kubernetes.io/managed-by" -}}
{{- $name := "app.kubernetes.io/name" -}}
({{ printf $is $managed $labels $labels $managed "lychgate-operator" }} || {{ printf $is $name $labels $labels $name "lychgate-gateway" }})
{{- end }}

{{/* CEL: whether a spec is another one than it was, apart from `suspended`: whoever may may stop a gateway. */}}
{{- define "lychgate.cel-spec-is-new" -}}
request.operation == 'CREATE'
|| dyn(object.spec).exists(k, k != 'suspended'
&& !(k in dyn(oldObject.spec) && dyn(object.spec)[k] == dyn(oldObject.spec)[k]))
|| dyn(oldObject.spec).exists(k, k != 'suspended' && !(k in dyn(object.spec)))
{{- end }}

{{/* CEL: whether the object, as it was, is one that the operator made. */}}
{{- define "lychgate.cel-was-owned" -}}
{{- $label := "app.kubernetes.io/managed-by" -}}
(has(oldObject.metadata.labels) && '{{ $label }}' in oldObject.metadata.labels
&& oldObject.metadata.labels['{{ $label }}'] == 'lychgate-operator')
{{- end }}

{{/* CEL: what to do about an object in the operator's way. */}}
{{- define "lychgate.cel-was-there-before" -}}
' was there before, and the operator has not made it. Look at it, and delete it or give the McpConnection another name'
{{- end }}

{{/* CEL: whether the object has the same labels as before. */}}
{{- define "lychgate.cel-same-labels" -}}
(has(object.metadata.labels) ? object.metadata.labels : {}) == (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {})
{{- end }}

{{/* The name of the check and its account. */}}
{{- define "lychgate.check" -}}
{{ include "lychgate.operator" . }}-admission-check
{{- end }}

{{- define "lychgate.check-labels" -}}
app.kubernetes.io/name: {{ include "lychgate.check" . }}
app.kubernetes.io/component: admission-check
{{ include "lychgate.common-labels" . }}
{{- end }}

{{/* Labels and annotations of the check's objects: root and the hook's weight. */}}
{{- define "lychgate.check-metadata" -}}
labels:
  {{- include "lychgate.check-labels" (index . 0) | nindent 2 }}
annotations:
  helm.sh/hook: post-install,post-upgrade
  helm.sh/hook-weight: {{ index . 1 | quote }}
  # What has failed stays to be looked at, until the next run.
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
