//! The storage seam: each case on both engines, with the same outcome.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use commonplace::Error;
use commonplace::db::{Db, Dialect, Value};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::harness::{Engine, Place, on_both_engines};

on_both_engines!(
    values_come_back_as_they_went_in,
    a_failed_write_leaves_nothing_and_harms_no_other,
    a_panic_inside_a_write_leaves_nothing,
    a_read_sees_one_moment,
    a_job_is_claimed_by_exactly_one_worker,
    writes_of_one_row_happen_one_after_another,
    opposite_lock_orders_both_succeed,
    vectors_are_stored_and_ranked,
);

async fn open(engine: Engine) -> (Db, Place) {
    let place = Place::new(engine).await;
    let config = commonplace::config::Config::load(None, &place.flags()).expect("valid settings");
    let db = Db::open(&config.location().expect("a location")).await.expect("the storage opens");
    let table = "create table seam (id bigint primary key, name text, data bytea, amount bigint)";
    run(&db, table).await;
    (db, place)
}

async fn run(db: &Db, sql: &'static str) {
    db.write(sql, |tx, sql| async move { tx.execute(*sql, &[]).await }.boxed()).await.expect("the statement runs");
}

async fn count(db: &Db) -> i64 {
    let sql = "select count(*) from seam";
    db.read(sql, |tx, sql| async move { tx.one(*sql, &[]).await?.int(0) }.boxed()).await.expect("a count")
}

async fn values_come_back_as_they_went_in(engine: Engine) {
    let (db, _place) = open(engine).await;
    let (mut full, mut empty, chosen) = db
        .write((), |tx, ()| {
            async move {
                let insert = "insert into seam (id, name, data, amount) values ($1, $3, $2, $4) \
                              on conflict (id) do update set name = excluded.name returning id, name, data, amount";
                let full = [Value::from(1), (&[0u8, 255][..]).into(), "naïve 日本\n'\"".into(), i64::MIN.into()];
                tx.one(insert, &full).await?;
                let full = tx.one(insert, &full).await?;
                let none = [Value::from(2), (&[][..] as &[u8]).into(), None::<&str>.into(), None::<i64>.into()];
                let empty = tx.one(insert, &none).await?;
                let wanted = ["naïve 日本\n'\"".to_owned(), "absent".to_owned()];
                let sql = "select id from seam where name {in $1} or id {in $2} order by id";
                let chosen = tx.rows(sql, &[wanted[..].into(), (&[7_i64, 2][..]).into()]).await?;
                Ok((full, empty, chosen))
            }
            .boxed()
        })
        .await
        .expect("written");
    assert_eq!(full.int(0).expect("an integer"), 1);
    assert_eq!(full.text(1).expect("text"), "naïve 日本\n'\"");
    assert_eq!(full.bytes(2).expect("bytes"), [0, 255]);
    assert_eq!(full.int(3).expect("an integer"), i64::MIN);
    assert_eq!(empty.text_or_null(1).expect("null"), None);
    assert_eq!(empty.int_or_null(3).expect("null"), None);
    assert!(empty.bytes(2).expect("bytes").is_empty());
    let ids: Vec<i64> = chosen.iter().map(|row| row.int(0).expect("an integer")).collect();
    assert_eq!(ids, [1, 2]);
}

async fn a_failed_write_leaves_nothing_and_harms_no_other(engine: Engine) {
    let (db, _place) = open(engine).await;
    // Together, so that on SQLite they share commits.
    let writes = (0..200_i64).map(|id| {
        db.write(id, |tx, id| {
            async move {
                tx.execute("insert into seam (id) values ($1)", &[(*id).into()]).await?;
                if id % 2 == 0 { Ok(()) } else { Err(Error::invalid("odd")) }
            }
            .boxed()
        })
    });
    let results = join_all(writes).await;
    for (id, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), id % 2 == 0, "{id}: {result:?}");
    }
    assert_eq!(count(&db).await, 100);
}

async fn a_panic_inside_a_write_leaves_nothing(engine: Engine) {
    let (db, _place) = open(engine).await;
    let result: Result<(), Error> = db
        .write((), |tx, ()| {
            async move {
                tx.execute("insert into seam (id) values (1)", &[]).await?;
                panic!("a fault of ours");
            }
            .boxed()
        })
        .await;
    assert!(matches!(result, Err(Error::Internal(_))), "{result:?}");
    assert_eq!(count(&db).await, 0);
    run(&db, "insert into seam (id) values (1)").await;
    assert_eq!(count(&db).await, 1);
}

async fn a_read_sees_one_moment(engine: Engine) {
    let (db, _place) = open(engine).await;
    let writer = db.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..100 {
            run(&writer, "insert into seam (id) select coalesce(max(id), 0) + 1 from seam").await;
        }
    });
    while !writing.is_finished() {
        let twice = db.read((), |tx, ()| {
            async move {
                let sql = "select count(*) from seam";
                Ok((tx.one(sql, &[]).await?.int(0)?, tx.one(sql, &[]).await?.int(0)?))
            }
            .boxed()
        });
        let (first, second) = twice.await.expect("a count");
        assert_eq!(first, second);
    }
    writing.await.expect("written");
    assert_eq!(count(&db).await, 100);
}

async fn a_job_is_claimed_by_exactly_one_worker(engine: Engine) {
    const JOBS: i64 = 400;
    let (db, _place) = open(engine).await;
    let fill = db.write((), |tx, ()| {
        async move {
            for id in 0..JOBS {
                tx.execute("insert into seam (id, name) values ($1, 'ready')", &[id.into()]).await?;
            }
            Ok(())
        }
        .boxed()
    });
    fill.await.expect("filled");
    let worker = || async {
        let mut mine = Vec::new();
        loop {
            let claim = db.write((), |tx, ()| {
                async move {
                    let sql = "update seam set name = 'taken' where id = (select id from seam where name = 'ready' \
                               order by id limit 1{for update skip locked}) returning id";
                    tx.row(sql, &[]).await?.map(|row| row.int(0)).transpose()
                }
                .boxed()
            });
            match claim.await.expect("a claim or none") {
                Some(id) => mine.push(id),
                None => return mine,
            }
        }
    };
    let claims: Vec<i64> = join_all((0..16).map(|_| worker())).await.into_iter().flatten().collect();
    assert_eq!(i64::try_from(claims.len()), Ok(JOBS));
    assert_eq!(i64::try_from(claims.into_iter().collect::<HashSet<_>>().len()), Ok(JOBS));
}

async fn writes_of_one_row_happen_one_after_another(engine: Engine) {
    let (db, _place) = open(engine).await;
    run(&db, "insert into seam (id, amount) values (1, 0)").await;
    let add = || {
        db.write((), |tx, ()| {
            async move {
                let sql = "update seam set amount = amount + 1 where id = 1 returning amount";
                let now = tx.one(sql, &[]).await?.int(0)?;
                let sql = "insert into seam (id) values ($1)";
                tx.execute(sql, &[(now + 1).into()]).await
            }
            .boxed()
        })
    };
    for result in join_all((0..64).map(|_| add())).await {
        result.expect("no number was taken twice");
    }
    assert_eq!(count(&db).await, 65);
}

async fn opposite_lock_orders_both_succeed(engine: Engine) {
    let (db, _place) = open(engine).await;
    run(&db, "insert into seam (id, amount) values (1, 0), (2, 0)").await;
    let runs = Arc::new(AtomicUsize::new(0));
    let cross = |first: i64, second: i64| {
        db.write((first, second, runs.clone()), |tx, (first, second, runs)| {
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                for id in [first, second] {
                    tx.execute("update seam set amount = amount + 1 where id = $1", &[(*id).into()]).await?;
                }
                Ok(())
            }
            .boxed()
        })
    };
    let all = join_all((0..6).map(|n| if n % 2 == 0 { cross(1, 2) } else { cross(2, 1) })).await;
    for result in all {
        result.expect("a deadlock is resolved by running again");
    }
    let sum = "select sum(amount)::bigint from seam";
    let sum = if engine == Engine::Sqlite { "select sum(amount) from seam" } else { sum };
    let sum = db.read(sum, |tx, sql| async move { tx.one(*sql, &[]).await?.int(0) }.boxed()).await.expect("a sum");
    assert_eq!(sum, 12);
    assert!(runs.load(Ordering::Relaxed) >= 6);
}

async fn vectors_are_stored_and_ranked(engine: Engine) {
    let (db, _place) = open(engine).await;
    let ranked = db.write((), |tx, ()| {
        async move {
            if tx.dialect() == Dialect::Sqlite {
                // Rows of bytes; ranking is the search's own.
                tx.execute("create table seam_vector (id bigint primary key, vector blob)", &[]).await?;
                tx.execute("insert into seam_vector values (1, $1)", &[(&[1u8, 2][..]).into()]).await?;
                return Ok(vec![tx.one("select id from seam_vector where vector = x'0102'", &[]).await?.int(0)?]);
            }
            tx.execute("create table seam_vector (id bigint primary key, vector vector(3))", &[]).await?;
            let sql = "insert into seam_vector values ($1, $2::text::vector)";
            for (id, vector) in [(1, "[1,0,0]"), (2, "[0,1,0]"), (3, "[0.9,0.1,0]")] {
                tx.execute(sql, &[i64::into(id), vector.into()]).await?;
            }
            let sql = "select id from seam_vector order by vector <=> $1::text::vector, id limit 2";
            let rows = tx.rows(sql, &["[1,0,0]".into()]).await?;
            rows.iter().map(|row| row.int(0)).collect()
        }
        .boxed()
    });
    let expected: &[i64] = if engine == Engine::Sqlite { &[1] } else { &[1, 3] };
    assert_eq!(ranked.await.expect("ranked"), expected);
}
