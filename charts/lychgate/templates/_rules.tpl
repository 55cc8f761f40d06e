{{/*
What the operator may do in the namespaces that it watches. It holds all that it grants to gateways, since the API
server lets nobody grant what he lacks; so it needs neither `escalate` nor `bind`. A test compares this with what a run
of the operator uses.
*/}}
{{- define "lychgate.gateway-rules" -}}
- apiGroups: [lychgate.dev]
  resources: [approvalpolicies, commandrules, maskingrules, mcpconnections, mcpgateways]
  verbs: [list, watch]
- apiGroups: [lychgate.dev]
  resources: [approvalpolicies/status, commandrules/status, maskingrules/status, mcpconnections/status, mcpgateways/status]
  verbs: [patch]
# It writes what votes amount to, and deletes what has ended. What else is here it grants to gateways, and uses as dry
# runs, to try the admission policies: they let it create nothing but its canary, and refuse its votes.
- apiGroups: [lychgate.dev]
  resources: [approvals]
  verbs: [create, get, list, watch, patch, delete]
- apiGroups: [lychgate.dev]
  resources: [approvals/status]
  verbs: [get, patch]
# Granted to each gateway for its own connection. The verb does nothing else.
- apiGroups: [lychgate.dev]
  resources: [mcpconnections]
  verbs: [serve]
# It makes keys and certificates, and can never read them again.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
# What a gateway is made of. It is applied with `patch`; where somebody has added to it or made it invalid, it is read
# with `get` and replaced with `update`.
{{- range $group, $resources := dict
      "" (list "configmaps" "serviceaccounts" "services")
      "apps" (list "deployments")
      "autoscaling" (list "horizontalpodautoscalers")
      "networking.k8s.io" (list "networkpolicies")
      "policy" (list "poddisruptionbudgets")
      "rbac.authorization.k8s.io" (list "roles" "rolebindings") }}
- apiGroups: [{{ $group | quote }}]
  resources: [{{ join ", " $resources }}]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}
# The number of a gateway's pods is handed to an autoscaler as it is.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
# Where gateways answer.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* What the operator holds to grant it to gateways with `secretAccess: Watch`, each for its own Secrets by name. */}}
{{- define "lychgate.secret-rules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
{{- end }}

{{/* A Role and its binding in a namespace: root, namespace, name, name of the template with the rules. */}}
{{- define "lychgate.role-in" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ index . 2 }}
  namespace: {{ index . 1 }}
  labels:
    {{- include "lychgate.labels" $root | nindent 4 }}
rules:
  {{- include (index . 3) $root | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ index . 2 }}
  namespace: {{ index . 1 }}
  labels:
    {{- include "lychgate.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ include "lychgate.operator" $root }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{/* The same for the whole cluster: root, name, name of the template with the rules. */}}
{{- define "lychgate.cluster-role" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "lychgate.labels" $root | nindent 4 }}
rules:
  {{- include (index . 2) $root | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "lychgate.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ index . 1 }}
subjects:
  - kind: ServiceAccount
    name: {{ include "lychgate.operator" $root }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{- define "lychgate.cluster-gateway-rules" -}}
{{ include "lychgate.gateway-rules" . }}
# Policies of the operator's namespace choose others by their labels.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}

{{/* What the operator may do in its own namespace, wherever it watches. */}}
{{- define "lychgate.own-rules" -}}
# The Lease by which one of several operators leads. A name cannot limit `create`.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [lychgate-operator]
  verbs: [get, update]
# The authority that signs gateways' certificates, and its certificate for everybody.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [lychgate-operator-ca]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [lychgate-ca]
  verbs: [patch]
# The Approval on which it tries the admission policies by dry runs. No call has this digest, and its time is over.
- apiGroups: [lychgate.dev]
  resources: [approvals]
  verbs: [create]
- apiGroups: [lychgate.dev]
  resources: [approvals]
  resourceNames: [{{ include "lychgate.approval-canary" . }}]
  verbs: [get, patch, delete]
{{- end }}

{{/* The policies of Approvals, which the operator compares with what they should be. It can change none. */}}
{{- define "lychgate.guard-rules" -}}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingadmissionpolicies, validatingadmissionpolicybindings]
  resourceNames:
    {{- range list "approval-votes" "approval-writers" }}
    - {{ include "lychgate.guard-name" (list $ .) }}
    {{- end }}
  verbs: [get, list, watch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingadmissionpolicies, mutatingadmissionpolicybindings]
  resourceNames: [{{ include "lychgate.guard-name" (list . "approval-mailbox") }}]
  verbs: [get, list, watch]
{{- end }}
