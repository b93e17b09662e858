"""
Texts without embeddings
========================

TF-IDF rows are directions too: a weight for each word, most of them zero. They stay sparse all the
way, no encoder is needed, and the clusters say by themselves which words they are about.
"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.metrics import clustering_report
from vmfmix.plotting import plot_labels

snips = load_snips()
pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), VMFMixture(7, random_state=0))
labels = pipeline.fit_predict(snips.texts)
vectorizer, model = pipeline[0], pipeline[-1]
X = vectorizer.transform(snips.texts)
print(f"{X.shape[0]} rows of {X.shape[1]} words, {X.nnz / X.shape[0]:.1f} of them in a row")

# %%
# Typical words
# -------------
#
# A mean direction has a number for each word. Those with the greatest numbers are often common
# words; what is typical is what a cluster has more of than the mean of all clusters.

words = vectorizer.get_feature_names_out()
usual = model.weights_ @ model.means_
for cluster, mean in enumerate(model.means_):
    typical = ", ".join(words[np.argsort(usual - mean)[:8]])
    print(f"{cluster} ({np.sum(labels == cluster):3} rows): {typical}")

# %%
# Beside the intents
# ------------------

plot_labels(model, X, snips.target_names[snips.target])

# %%
# Beside embeddings
# -----------------
#
# Here plain words do as well as the embeddings of a sentence encoder, since requests of one intent
# use the same few words ("weather", "playlist", "book a table"). Words that one intent shares with
# others, and sentences that say one thing in different words, are what an encoder is for. Trying
# the plain way first costs a second.

embedded = VMFMixture(7, random_state=0).fit(snips.data)
for name, found in (("TF-IDF", labels), ("embeddings", embedded.labels_)):
    report = clustering_report(snips.target, found)
    print(f"{name:10}  AMI {report['adjusted_mutual_info']:.3f}  ACC {report['accuracy']:.3f}")

# %%
# Leaving out English "stop words", which is often done without a second thought, does harm here: it
# leaves out "find" and "show".

pipeline = make_pipeline(
    TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=1),
    VMFMixture(7, random_state=0),
)
report = clustering_report(snips.target, pipeline.fit_predict(snips.texts))
print(f"AMI {report['adjusted_mutual_info']:.3f}  ACC {report['accuracy']:.3f}")
