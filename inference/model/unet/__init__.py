"""LatentSync's video UNet: predicts the noise in a window of latent frames, given what is heard.

Its parts, each built on those before it: config, video, attention, resnet, space, motion, network.
Key names and shapes are those of the official checkpoint. Written from the specification of
LatentSync (Apache-2.0), which carries Stable Diffusion 1.5's UNet to video with temporal modules in
the manner of AnimateDiff.

Axes: b batch, c channels, f frames, h and w latent height and width. Between the blocks a tensor is
(b, c, f, h, w); what works on single pictures folds the frames into the batch, `(b f) c h w`.
"""
