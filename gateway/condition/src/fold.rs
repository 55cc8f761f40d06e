//! Parts of a condition that are the same for every call are evaluated once.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::input::{Budget, Caller, Connection, Input};
use crate::program::{Expr, Field, Node};
use crate::run::Run;
use crate::syntax::Operator;
use crate::value::Value;

/// Puts constants in place of what consists of constants alone.
///
/// # Errors
/// What has no value for any call.
pub(crate) fn constants(expr: Expr) -> Result<Expr, Vec<Failure>> {
    let labels = BTreeMap::new();
    let connection = Connection { namespace: "", name: "", labels: &labels };
    let mut folder = Folder { connection, of_connection: false, budget: Budget::new(), failures: Vec::new() };
    let expr = folder.fold(expr);
    if folder.failures.is_empty() { Ok(expr) } else { Err(folder.failures) }
}

/// Puts constants in place of what asks nothing but the connection. What has no value for it stays, and fails when it
/// is asked.
pub(crate) fn connection(expr: Expr, connection: Connection<'_>) -> Expr {
    let mut folder = Folder { connection, of_connection: true, budget: Budget::new(), failures: Vec::new() };
    folder.fold(expr)
}

struct Folder<'c> {
    connection: Connection<'c>,
    /// Whether the connection is known.
    of_connection: bool,
    /// One for all parts, so that a text cannot be made to grow in them.
    budget: Budget,
    failures: Vec<Failure>,
}

impl Folder<'_> {
    fn fold(&mut self, mut expr: Expr) -> Expr {
        if matches!(expr.node, Node::Constant(_)) {
            return expr;
        }
        if !expr.any(&|node| self.is_open(node))
            || matches!(expr.node, Node::Each(_)) && self.is_closed_macro(&expr)
        {
            match self.evaluate(&expr) {
                Ok(Some(value)) => return Expr { span: expr.span, node: Node::Constant(value) },
                Ok(None) => {}
                Err(failure) if !self.of_connection => {
                    self.failures.push(*failure);
                    return expr;
                }
                Err(_) => {}
            }
        }
        for child in expr.children_mut() {
            let span = child.span;
            let own = std::mem::replace(child, Expr { span, node: Node::Item });
            *child = self.fold(own);
        }
        settle(expr)
    }

    /// Whether a macro asks nothing that is not known; the item is its own.
    fn is_closed_macro(&self, expr: &Expr) -> bool {
        !expr.any(&|node| self.is_open(node) && !matches!(node, Node::Item))
    }

    /// Whether a part cannot be told before the call.
    fn is_open(&self, node: &Node) -> bool {
        match node {
            Node::Item => true,
            Node::Field(Field::ConnectionNamespace | Field::ConnectionName | Field::ConnectionLabels) => {
                !self.of_connection
            }
            Node::Field(
                Field::CallerIssuer
                | Field::CallerUsername
                | Field::CallerSubject
                | Field::CallerGroups
                | Field::CallerAnonymous
                | Field::Tool
                | Field::Args
                | Field::Now
                | Field::StatementEffects
                | Field::StatementText,
            ) => true,
            Node::Constant(_)
            | Node::Member { .. }
            | Node::Has { .. }
            | Node::Index { .. }
            | Node::Not(_)
            | Node::Negative(_)
            | Node::Binary { .. }
            | Node::IsText { .. }
            | Node::All(_)
            | Node::Any(_)
            | Node::Choice(_)
            | Node::List(_)
            | Node::Call { .. }
            | Node::Matches { .. }
            | Node::Each(_) => false,
        }
    }

    fn evaluate(&self, expr: &Expr) -> Result<Option<Value<'static>>, Box<Failure>> {
        let nobody = Caller { issuer: "", username: "", subject: "", groups: &[], anonymous: true };
        let input = Input {
            caller: nobody,
            tool: None,
            args: None,
            connection: self.connection,
            now: 0,
            statement: None,
            budget: &self.budget,
        };
        Run { input: &input }.value(expr, &Value::Null).map(|value| value.owned())
    }
}

/// Leaves out what settles nothing, and the rest where something settles all, and finds comparisons with texts.
fn settle(mut expr: Expr) -> Expr {
    let span = expr.span;
    if let Node::Choice(parts) = &expr.node {
        let [condition, then, otherwise] = &**parts;
        return match truth(condition) {
            Some(true) => then.clone(),
            Some(false) => otherwise.clone(),
            None => expr,
        };
    }
    if let Node::Binary { operator: operator @ (Operator::Equal | Operator::NotEqual), sides } = expr.node {
        let negated = operator == Operator::NotEqual;
        let node = match *sides {
            [of, Expr { node: Node::Constant(Value::Text(text)), .. }]
            | [Expr { node: Node::Constant(Value::Text(text)), .. }, of] => {
                Node::IsText { of: Box::new(of), text: text.into(), negated }
            }
            sides => Node::Binary { operator, sides: Box::new(sides) },
        };
        return Expr { span, node };
    }
    let settled_by = matches!(expr.node, Node::Any(_));
    let (Node::All(parts) | Node::Any(parts)) = &mut expr.node else { return expr };
    parts.retain(|part| truth(part) != Some(!settled_by));
    if parts.iter().any(|part| truth(part) == Some(settled_by)) {
        return Expr { span, node: Node::Constant(Value::Bool(settled_by)) };
    }
    if parts.is_empty() {
        return Expr { span, node: Node::Constant(Value::Bool(!settled_by)) };
    }
    expr
}

/// The value of a constant that is true or false.
fn truth(expr: &Expr) -> Option<bool> {
    if let Node::Constant(Value::Bool(value)) = expr.node { Some(value) } else { None }
}
