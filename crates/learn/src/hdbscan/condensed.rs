//! The hierarchy of the spanning tree, condensed to clusters that are large enough, and the choice
//! among them by excess of mass.

use std::collections::BTreeMap;

use crate::hdbscan::Prediction;
use crate::hdbscan::spanning_tree::Edge;
use crate::number::real;
use crate::state::require;

/// Distances below this share of the greatest in the tree count as it: equal rows would otherwise be
/// infinitely dense, and outweigh every other sum.
const HEIGHT_SHARE_MIN: f64 = 1e-9;

/// One cluster of the condensed tree.
#[derive(Debug, Clone, PartialEq)]
struct Cluster {
    parent: Option<usize>,
    /// Density at which it splits off its parent.
    birth: f64,
    /// Greatest density at which something directly falls out of it, or it splits.
    death: f64,
    /// Greatest density in it or any cluster below it.
    densest: f64,
    /// Excess of mass: how much longer its rows stay together than its birth.
    stability: f64,
    n_rows: usize,
}

/// The clusters, and where each row falls out of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CondensedTree {
    height_min: f64,
    /// Parents before children; the first is the whole.
    clusters: Vec<Cluster>,
    /// Of each cluster, the number of the chosen one it is or lies in.
    chosen: Vec<Option<usize>>,
    /// The chosen clusters in the order of their numbers.
    order: Vec<usize>,
    /// Of each row, the cluster it falls out of and at which density.
    falls: Vec<(usize, f64)>,
}

impl CondensedTree {
    pub(super) fn new(n_rows: usize, edges: &[Edge], min_cluster_size: usize) -> CondensedTree {
        let greatest = edges.iter().map(|edge| f64::from(edge.squared)).fold(0.0, f64::max).sqrt();
        let height_min = (greatest * HEIGHT_SHARE_MIN).max(f64::from(f32::MIN_POSITIVE));
        let hierarchy = Hierarchy::new(n_rows, edges, height_min);
        let mut tree = CondensedTree {
            height_min,
            clusters: Vec::new(),
            chosen: Vec::new(),
            order: Vec::new(),
            falls: vec![(0, 0.0); n_rows],
        };
        tree.condense(&hierarchy, min_cluster_size);
        tree.choose();
        tree
    }

    /// Walks down from the whole. Parts too small to be clusters fall out row by row; where one large
    /// part is left it goes on as the same cluster; where several are, each is a new one.
    fn condense(&mut self, hierarchy: &Hierarchy, min_cluster_size: usize) {
        let root = hierarchy.n_nodes() - 1;
        self.start_cluster(None, 0.0, hierarchy.n_rows(root));
        let mut waiting = vec![(root, 0)];
        while let Some((node, cluster)) = waiting.pop() {
            let density = hierarchy.density(node);
            let birth = self.clusters[cluster].birth;
            self.clusters[cluster].death = self.clusters[cluster].death.max(density);
            let is_large = |&&child: &&usize| hierarchy.n_rows(child) >= min_cluster_size;
            let n_large = hierarchy.children(node).iter().filter(is_large).count();
            for &child in hierarchy.children(node) {
                let n_rows = hierarchy.n_rows(child);
                let large = n_rows >= min_cluster_size;
                if large && n_large == 1 {
                    waiting.push((child, cluster));
                    continue;
                }
                self.clusters[cluster].stability += real(n_rows) * (density - birth);
                if large {
                    let started = self.start_cluster(Some(cluster), density, n_rows);
                    waiting.push((child, started));
                } else {
                    hierarchy.each_row(child, |row_idx| self.falls[row_idx] = (cluster, density));
                }
            }
        }
    }

    fn start_cluster(&mut self, parent: Option<usize>, birth: f64, n_rows: usize) -> usize {
        self.clusters.push(Cluster { parent, birth, death: birth, densest: birth, stability: 0.0, n_rows });
        self.clusters.len() - 1
    }

    /// Chooses a cluster over those below it unless they have more mass together. Never the whole.
    fn choose(&mut self) {
        let mut below = vec![0.0; self.clusters.len()];
        let mut chooses_itself = vec![false; self.clusters.len()];
        for idx in (0..self.clusters.len()).rev() {
            let cluster = &mut self.clusters[idx];
            cluster.densest = cluster.densest.max(cluster.death);
            let Some(parent) = cluster.parent else { continue };
            chooses_itself[idx] = cluster.stability >= below[idx];
            below[parent] += cluster.stability.max(below[idx]);
            let densest = cluster.densest;
            self.clusters[parent].densest = self.clusters[parent].densest.max(densest);
        }
        let mut chosen: Vec<Option<usize>> = vec![None; self.clusters.len()];
        for (idx, cluster) in self.clusters.iter().enumerate() {
            let above = cluster.parent.and_then(|parent| chosen[parent]);
            chosen[idx] = above.or(chooses_itself[idx].then_some(idx));
        }
        // From the largest to the smallest; of equally large ones the first row's first.
        let mut first_row = vec![usize::MAX; self.clusters.len()];
        let mut n_rows = vec![0_usize; self.clusters.len()];
        for (row_idx, &(cluster, _)) in self.falls.iter().enumerate() {
            if let Some(at) = chosen[cluster] {
                first_row[at] = first_row[at].min(row_idx);
                n_rows[at] += 1;
            }
        }
        let mut order: Vec<usize> = (0..self.clusters.len()).filter(|&idx| chosen[idx] == Some(idx)).collect();
        order.sort_by(|&a, &b| n_rows[b].cmp(&n_rows[a]).then(first_row[a].cmp(&first_row[b])));
        let mut number = vec![0; self.clusters.len()];
        for (label, &cluster) in order.iter().enumerate() {
            number[cluster] = label;
        }
        self.chosen = chosen.into_iter().map(|cluster| cluster.map(|cluster| number[cluster])).collect();
        self.order = order;
    }

    pub(super) fn n_clusters(&self) -> usize {
        self.order.len()
    }

    pub(super) fn persistences(&self) -> Vec<f64> {
        let persistence = |cluster: &Cluster| {
            let greatest = real(cluster.n_rows) * (cluster.densest - cluster.birth);
            if greatest > 0.0 { cluster.stability / greatest } else { 0.0 }
        };
        self.order.iter().map(|&cluster| persistence(&self.clusters[cluster])).collect()
    }

    /// Returns what is said of a row of the tree.
    pub(super) fn row(&self, row_idx: usize) -> Prediction {
        let (cluster, density) = self.falls[row_idx];
        self.at(cluster, density)
    }

    /// Returns what is said of a row that joins the tree at `row_idx`, as far from it as `height`: it
    /// belongs to the clusters that row is in at that density, and falls out with it at the latest.
    pub(super) fn joining(&self, row_idx: usize, height: f64) -> Prediction {
        let density = 1.0 / height.max(self.height_min);
        let (mut cluster, fall) = self.falls[row_idx];
        while let Some(parent) = self.clusters[cluster].parent {
            if self.clusters[cluster].birth <= density {
                break;
            }
            cluster = parent;
        }
        self.at(cluster, density.min(fall))
    }

    fn at(&self, cluster: usize, density: f64) -> Prediction {
        let densest = self.clusters[cluster].densest;
        let outlier_score = if densest > density { (densest - density) / densest } else { 0.0 };
        let label = self.chosen[cluster];
        let strength = label.map_or(0.0, |label| {
            let death = self.clusters[self.order[label]].death;
            if density < death { density / death } else { 1.0 }
        });
        Prediction { label, strength, outlier_score }
    }
}

/// All nodes of the single-linkage hierarchy: rows first, then the merges from the lowest to the
/// highest, any number of parts merging at once where heights are equal.
struct Hierarchy {
    n_rows: usize,
    children: Vec<Vec<usize>>,
    densities: Vec<f64>,
    sizes: Vec<usize>,
}

impl Hierarchy {
    fn new(n_rows: usize, edges: &[Edge], height_min: f64) -> Hierarchy {
        let mut edges: Vec<(f64, Edge)> =
            edges.iter().map(|&edge| (f64::from(edge.squared).sqrt().max(height_min), edge)).collect();
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut hierarchy = Hierarchy { n_rows, children: Vec::new(), densities: Vec::new(), sizes: vec![1; n_rows] };
        let mut parts = Parts { parents: (0..n_rows).collect(), nodes: (0..n_rows).collect() };
        for level in edges.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            // The parts that this height merges, each named by its root before.
            let mut former: Vec<usize> = Vec::with_capacity(2 * level.len());
            for (_, edge) in level {
                former.extend([parts.root(edge.first), parts.root(edge.second)]);
            }
            former.sort_unstable();
            former.dedup();
            for (_, edge) in level {
                let (a, b) = (parts.root(edge.first), parts.root(edge.second));
                parts.parents[a.max(b)] = a.min(b);
            }
            let mut merged: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for part in former {
                merged.entry(parts.root(part)).or_default().push(parts.nodes[part]);
            }
            for (root, children) in merged {
                parts.nodes[root] = hierarchy.sizes.len();
                hierarchy.sizes.push(children.iter().map(|&child| hierarchy.sizes[child]).sum());
                hierarchy.children.push(children);
                hierarchy.densities.push(1.0 / level[0].0);
            }
        }
        hierarchy
    }

    fn n_nodes(&self) -> usize {
        self.sizes.len()
    }

    fn n_rows(&self, node: usize) -> usize {
        self.sizes[node]
    }

    fn children(&self, node: usize) -> &[usize] {
        &self.children[node - self.n_rows]
    }

    fn density(&self, node: usize) -> f64 {
        self.densities[node - self.n_rows]
    }

    /// Visits the rows below a node.
    fn each_row(&self, node: usize, mut visit: impl FnMut(usize)) {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            if node < self.n_rows {
                visit(node);
            } else {
                waiting.extend_from_slice(self.children(node));
            }
        }
    }
}

/// Which rows are connected so far; the least row of a part is its root.
struct Parts {
    parents: Vec<usize>,
    /// Node of the part whose root this is.
    nodes: Vec<usize>,
}

impl Parts {
    fn root(&mut self, row_idx: usize) -> usize {
        let mut root = row_idx;
        while self.parents[root] != root {
            self.parents[root] = self.parents[self.parents[root]];
            root = self.parents[root];
        }
        root
    }
}

crate::state_of_fields!(Cluster { parent, birth, death, densest, stability, n_rows });
crate::state_of_fields!(CondensedTree { height_min, clusters, chosen, order, falls }, |tree| {
    let n_clusters = tree.clusters.len();
    // A parent comes before its children, so that every way up ends.
    let rises = |(idx, cluster): (usize, &Cluster)| cluster.parent.is_none_or(|parent| parent < idx);
    let chosen = tree.chosen.iter().flatten().all(|chosen| *chosen < tree.order.len());
    require(tree.height_min > 0.0 && tree.clusters.iter().enumerate().all(rises), "the clusters of a tree")?;
    require(chosen && tree.chosen.len() == n_clusters, "the chosen clusters of a tree")?;
    require(tree.order.iter().all(|cluster| *cluster < n_clusters), "the chosen clusters of a tree")?;
    require(tree.falls.iter().all(|(cluster, _)| *cluster < n_clusters), "the rows of a tree")
});

impl CondensedTree {
    pub(super) fn n_rows(&self) -> usize {
        self.falls.len()
    }
}
