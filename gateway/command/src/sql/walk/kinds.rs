//! What a statement does by its kind alone. Its parts are visited apart.

use sqlparser::ast::{ObjectType, Statement};

use super::{Walk, data, session};
use crate::sql::effect::Kind;

/// How the effects of a kind of statement are told.
enum Told {
    /// By its kind.
    Plainly(Kind, &'static str),
    /// By its parts, which are visited.
    ByParts,
    /// By looking into it: rows, files and code in `data`, sessions in `session`.
    Apart,
}

/// One table of all kinds of statements. It has no catch-all: a kind that a new version of the parser brings does not
/// compile until it has a line.
macro_rules! table {
    ($($told:expr => $($variant:ident)*;)*) => {
        fn told(statement: &Statement) -> Told {
            use Told::{Apart, ByParts, Plainly};
            match statement {
                $($(Statement::$variant { .. })|* => $told,)*
            }
        }
    };
}

table! {
    ByParts =>
        Query Case If While Prepare Explain Declare Open Fetch Close Deallocate Raise RaisError Throw Print Return
        Assert Commit Rollback Savepoint ReleaseSavepoint WaitFor ExplainTable LISTEN UNLISTEN UnlockTables List
        ShowFunctions ShowVariable ShowStatus ShowVariables ShowCreate ShowColumns ShowCatalogs ShowDatabases
        ShowProcessList ShowSchemas ShowCharset ShowObjects ShowTables ShowViews ShowCollation;
    Apart =>
        Insert Update Delete Merge Copy CopyIntoSnowflake Set Use Reset Discard Pragma StartTransaction CreateTable
        CreateVirtualTable Drop Execute Call;
    Plainly(Kind::WriteAll, "removes all rows") =>
        Truncate;
    Plainly(Kind::Write, "holds up others") =>
        Lock LockTables;
    Plainly(Kind::Write, "tells others") =>
        NOTIFY;
    Plainly(Kind::Schema, "creates, changes or drops objects") =>
        CreateView CreateIndex CreateOperator CreateOperatorFamily CreateOperatorClass CreateTextSearch CreateCollation
        CreateSchema CreateFunction CreateTrigger CreateProcedure CreateMacro CreateFileFormat CreateSequence
        CreateDomain CreateType AlterTable AlterSchema AlterIndex AlterView AlterFunction AlterType AlterCollation
        AlterOperator AlterOperatorFamily AlterOperatorClass AlterTextSearch DropFunction DropDomain DropProcedure
        DropTrigger DropOperator DropOperatorFamily DropOperatorClass RenameTable Comment Msck;
    Plainly(Kind::Admin, "changes roles, rights, policies or the server") =>
        CreateRole AlterRole CreateUser AlterUser CreateSecret DropSecret CreatePolicy AlterPolicy DropPolicy
        CreateExtension DropExtension CreateDatabase CreateWarehouse Grant Deny Revoke AlterSession
        DetachDuckDBDatabase DropConnector;
    Plainly(Kind::Admin, "administers the server") =>
        Kill Flush Vacuum Analyze OptimizeTable Cache UNCache;
    Plainly(Kind::Exec, "loads code into the server") =>
        Install Load;
    Plainly(Kind::Exfiltrate, "connects the server with files or with another server") =>
        AttachDatabase AttachDuckDBDatabase CreateServer CreateConnector AlterConnector CreateStage;
    Plainly(Kind::Exfiltrate, "moves data between the server and files") =>
        Put Remove Unload ExportData Directory LoadData;
}

/// What `statement` does, apart from what its parts do.
pub(super) fn statement(walk: &mut Walk, statement: &Statement) {
    match told(statement) {
        Told::Plainly(kind, why) => walk.add(kind, why),
        Told::ByParts => {}
        Told::Apart => apart(walk, statement),
    }
    // Those that do a second thing.
    if matches!(statement, Statement::LoadData { .. } | Statement::Remove(_)) {
        walk.add(Kind::Write, "changes what is stored");
    }
    if matches!(statement, Statement::CreateServer(_) | Statement::CreateConnector(_)) {
        walk.add(Kind::Admin, "changes the server");
    }
}

fn apart(walk: &mut Walk, statement: &Statement) {
    if let Statement::Insert(insert) = statement {
        data::insert(walk, insert);
    } else if let Statement::Update(update) = statement {
        data::update(walk, update);
    } else if let Statement::Delete(delete) = statement {
        data::delete(walk, delete);
    } else if let Statement::Merge(merge) = statement {
        data::merge(walk, merge);
    } else if let Statement::Copy { to, target, .. } = statement {
        data::copy(walk, *to, target);
    } else if let Statement::CopyIntoSnowflake { kind, .. } = statement {
        data::copy_into(walk, kind);
    } else if let Statement::CreateTable(table) = statement {
        data::create_table(walk, table);
    } else if let Statement::CreateVirtualTable { module_name, .. } = statement {
        data::create_virtual_table(walk, module_name);
    } else if let Statement::Drop { object_type, .. } = statement {
        drop(walk, object_type);
    } else if let Statement::Set(set) = statement {
        session::set(walk, set);
    } else if let Statement::Use(name) = statement {
        session::switch(walk, name);
    } else if let Statement::Reset(reset) = statement {
        session::reset(walk, reset);
    } else if let Statement::Discard { object_type } = statement {
        session::discard(walk, object_type);
    } else if let Statement::Pragma { name, value, is_eq } = statement {
        session::pragma(walk, name, value.as_ref(), *is_eq);
    } else if let Statement::StartTransaction { modes, .. } = statement {
        session::modes(walk, modes);
    } else if let Statement::Call(function) = statement {
        walk.add(Kind::Exec, "calls a procedure");
        walk.function(function);
    } else {
        // EXECUTE, and whatever the table sends here without a line above.
        walk.add(Kind::Exec, "runs code that cannot be seen from here");
    }
}

fn drop(walk: &mut Walk, object: &ObjectType) {
    match object {
        ObjectType::Role
        | ObjectType::User
        | ObjectType::Database
        | ObjectType::Stage
        | ObjectType::Warehouse => {
            walk.add(Kind::Admin, "changes roles, rights or the server");
        }
        ObjectType::Table
        | ObjectType::View
        | ObjectType::MaterializedView
        | ObjectType::Index
        | ObjectType::Schema
        | ObjectType::Sequence
        | ObjectType::Type
        | ObjectType::Collation
        | ObjectType::Stream => walk.add(Kind::Schema, "creates, changes or drops objects"),
    }
}
