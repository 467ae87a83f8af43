//! SKUs on a page that stays open: what is free follows the pods that come and go.

use domain::sku::SkuView;
use leptos::prelude::*;

use crate::features::live::use_live;
use crate::paths;

/// The SKUs as loaded, then as the stream says. For whom they are granted is known of the loaded ones only.
pub fn use_skus(loaded: Vec<SkuView>) -> Memo<Vec<SkuView>> {
    let (live, _) = use_live::<Vec<SkuView>>(Signal::stored(paths::live_skus()));
    Memo::new(move |_| live.get().unwrap_or_else(|| loaded.clone()))
}

/// One of them; as it was at `first` when it is no longer among them.
pub fn one_of(all: Memo<Vec<SkuView>>, first: SkuView) -> Memo<SkuView> {
    Memo::new(move |_| {
        let now = all.with(|all| all.iter().find(|sku| sku.code == first.code).cloned());
        now.unwrap_or_else(|| first.clone())
    })
}
