//! The API server is away while calls wait.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinHandle;

use super::latency::made;
use super::{House, Line, Site, refused, runs};
use crate::approvals::people::{alice, carol};

/// What of a site waits when the API server goes away.
struct Case<'a> {
    site: &'a Site,
    line: &'a Arc<Line>,
    /// A call that is held for longer than the API server is away.
    long: JoinHandle<Option<String>>,
    /// One that is not.
    short: JoinHandle<Option<String>>,
    /// The names of their Approvals.
    names: [String; 2],
}

/// Nothing that waits is made or lost; what needs no people goes on; and afterwards the same Approvals are decided.
pub async fn outlived(house: &mut House, sites: [(&Site, &Arc<Line>); 2]) {
    let mut cases = Vec::new();
    for (site, line) in sites {
        cases.push(Case::begin(house, site, line).await);
    }
    house.cluster.stop_apiserver();
    for case in &mut cases {
        case.without_api_server().await;
    }
    house.cluster.start_apiserver().await;
    for case in cases {
        case.afterwards(house).await;
    }
}

impl<'a> Case<'a> {
    async fn begin(house: &House, site: &'a Site, line: &'a Arc<Line>) -> Self {
        let waiting = site.approvals(&house.cluster, &alice());
        let begin = |tool: &'static str, arguments| {
            let line = Arc::clone(line);
            tokio::spawn(async move { line.held(tool, &arguments).await })
        };
        let long = begin("echo", json!({"message": "through it all"}));
        let short = begin("customers", json!({"limit": 801}));
        let mut names = ["through it all", "801"].map(str::to_owned);
        for name in &mut names {
            *name = waiting.only(name).await["metadata"]["name"].as_str().unwrap().to_owned();
        }
        Self { site, line, long, short, names }
    }

    async fn without_api_server(&mut self) {
        let (line, log) = (self.line, self.site.log());
        let answer = (&mut self.short).await.unwrap().unwrap();
        refused(&answer, "waits for approval and was not made");
        assert!(answer.contains(&self.names[1]), "{answer}");
        let answer = line.calls("echo", &json!({"message": "in the dark"})).await;
        refused(
            &answer,
            "nobody can be asked at this moment; it was not made. Repeat the very same call later",
        );
        let answer = line.calls("customers", &json!({"limit": 801})).await;
        refused(&answer, "nobody can be asked at this moment");
        let answer = line.calls("headers", &json!({})).await;
        assert!(runs(&answer), "what waits for nobody goes on: {answer}");
        assert!(!self.long.is_finished(), "it is held");
        for (tool, text) in [("echo", "through it all"), ("echo", "in the dark"), ("customers", "801")] {
            assert_eq!(made(&log, tool, text).len(), 0, "{text}");
        }
    }

    async fn afterwards(self, house: &House) {
        let Self { site, line, long, short: _, names } = self;
        let log = site.log();
        let waiting = site.approvals(&house.cluster, &alice());
        assert_eq!(waiting.approve("through it all").await, names[0]);
        let answer = long.await.unwrap().unwrap();
        assert!(runs(&answer), "{answer}");
        let reviews = site.approvals(&house.cluster, &carol());
        assert_eq!(reviews.approved("801").await["metadata"]["name"], names[1]);
        let answer = line.calls("customers", &json!({"limit": 801})).await;
        assert!(runs(&answer), "{answer}");
        for (tool, text) in [("echo", "through it all"), ("customers", "801")] {
            assert_eq!(waiting.only(text).await["status"]["consumed"]["count"], 1, "{text}");
            assert_eq!(made(&log, tool, text).len(), 1, "{text}");
        }
        // What could not be asked can be now.
        refused(&line.calls("echo", &json!({"message": "in the dark"})).await, "waits for approval");
    }
}
