//! The shown branch of a conversation that is kept as a tree.

use std::collections::{HashMap, HashSet};

/// A node of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// Its id.
    pub id: &'a str,
    /// The id of the node that it follows on. At a root it is empty, or of a node that isn't there.
    pub parent: &'a str,
}

/// The branch that ends in `leaf`, from the root on, as positions in `nodes`. If there is no such leaf, the branch that
/// ends in the newest: the node without children for which `age` is the greatest, or of all nodes if each has a
/// child. Parents are what counts, since lists of children are missing from some exports. A loop ends the walk.
pub fn shown<K: Ord>(nodes: &[Node<'_>], leaf: &str, age: impl Fn(usize) -> K) -> Vec<usize> {
    let positions: HashMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
    let leaf = positions.get(leaf).copied().or_else(|| {
        let parents: HashSet<&str> = nodes.iter().map(|node| node.parent).collect();
        let childless = (0..nodes.len()).filter(|&at| !parents.contains(nodes[at].id));
        childless.max_by_key(|&at| age(at)).or_else(|| (0..nodes.len()).max_by_key(|&at| age(at)))
    });
    let mut seen = vec![false; nodes.len()];
    let mut branch = Vec::new();
    let mut next = leaf;
    while let Some(at) = next.filter(|&at| !seen[at]) {
        seen[at] = true;
        branch.push(at);
        next = positions.get(nodes[at].parent).copied();
    }
    branch.reverse();
    branch
}

#[cfg(test)]
mod tests {
    use super::{Node, shown};
    use proptest::prelude::*;

    fn walk(nodes: &[(&str, &str)], leaf: &str) -> Vec<usize> {
        let nodes: Vec<Node<'_>> = nodes.iter().map(|&(id, parent)| Node { id, parent }).collect();
        shown(&nodes, leaf, |at| at)
    }

    #[test]
    fn the_branch_of_the_leaf_is_walked_in_any_order_of_nodes() {
        assert_eq!(walk(&[("c", "b"), ("a", ""), ("b", "a"), ("x", "a")], "c"), [1, 2, 0]);
    }

    #[test]
    fn without_the_leaf_the_newest_childless_node_counts() {
        assert_eq!(walk(&[("a", ""), ("b", "a"), ("c", "a")], ""), [0, 2]);
        assert_eq!(walk(&[("a", ""), ("b", "a"), ("c", "a")], "gone"), [0, 2]);
    }

    #[test]
    fn a_loop_ends() {
        assert_eq!(walk(&[("a", "b"), ("b", "a")], "b"), [0, 1]);
        assert_eq!(walk(&[("a", "a")], ""), [0]);
        assert_eq!(walk(&[], "a"), [0; 0]);
    }

    proptest! {
        #[test]
        fn a_branch_never_repeats_a_node(edges in prop::collection::vec((0u8..20, 0u8..20), 0..30), leaf in 0u8..20) {
            let nodes: Vec<(String, String)> = edges.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
            let nodes: Vec<Node<'_>> = nodes.iter().map(|(id, parent)| Node { id, parent }).collect();
            let mut branch = shown(&nodes, &leaf.to_string(), |at| at);
            prop_assert!(nodes.is_empty() || !branch.is_empty());
            let length = branch.len();
            branch.sort_unstable();
            branch.dedup();
            prop_assert_eq!(branch.len(), length);
        }
    }
}
