addHeader();
addMap();
addClusters();
addSearch();
addOutliers();
addLabelErrors();
addMergeLevels();
selectNothing();
document.documentElement.dataset.ready = "true";
