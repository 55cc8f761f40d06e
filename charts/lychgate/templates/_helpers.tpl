{{/* Names are fixed: the operator, the policies and the documentation speak of them. */}}
{{- define "lychgate.operator" -}}
lychgate-operator
{{- end }}

{{- define "lychgate.selector-labels" -}}
app.kubernetes.io/name: {{ include "lychgate.operator" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lychgate.common-labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: lychgate
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "lychgate.labels" -}}
app.kubernetes.io/name: {{ include "lychgate.operator" . }}
app.kubernetes.io/component: operator
{{ include "lychgate.common-labels" . }}
{{- end }}

{{/* Labels of what belongs to no pod: definitions, roles and policies. */}}
{{- define "lychgate.cluster-labels" -}}
app.kubernetes.io/name: lychgate
{{ include "lychgate.common-labels" . }}
{{- end }}

{{/* An image: root, its values, and where they stand. Repository and digest, or repository and tag. */}}
{{- define "lychgate.image" -}}
{{- $root := index . 0 }}
{{- $place := index . 2 }}
{{- with index . 1 -}}
{{- $problem := printf "%s.repository is not set: name the repository that you have pushed this image to (docs/install.md says how to build it)" $place }}
{{- $repository := required $problem .repository -}}
{{- if .digest -}}
{{ $repository }}@{{ .digest }}
{{- else -}}
{{ $repository }}:{{ .tag | default $root.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* What Pod Security `restricted` asks of a container, and no writable root. */}}
{{- define "lychgate.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "lychgate.pod-security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
