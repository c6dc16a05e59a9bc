"""Dot around a tiny Stable Diffusion: what is shared, what training changes, what is exported."""

import argparse
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import T5EncoderModel, T5TokenizerFast

from morse_models.latent.command import main as dot_command
from morse_models.latent.dot import LatentDot, LatentDotConfig, load_dot, save_dot
from morse_models.latent.export import write_folder, write_unets
from morse_models.latent.folder import open_folder
from morse_models.latent.tiny import (
    tiny_dit,
    tiny_pictures,
    tiny_stable_diffusion,
    tiny_stable_diffusion_3,
)
from morse_models.latent.train import train
from morse_models.latent.trunk import is_own

SMALL = dict(width=16, rank=2, condition=8)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sd") / "model"
    tiny_stable_diffusion(path)
    return path


def build(source, prediction="epsilon") -> tuple:
    folder = open_folder(source)
    torch.manual_seed(1)
    config = LatentDotConfig(prediction=prediction, **SMALL)
    return folder, LatentDot(folder.unet, folder.alphas_cumprod, config)


def inputs(batch=2, height=16, width=16):
    random = torch.Generator().manual_seed(batch)
    picture = (batch, 4, height, width)
    x, x_s, z_s = (torch.randn(picture, generator=random) for _ in range(3))
    text = torch.randn(batch, 77, 16, generator=random)
    times = torch.linspace(200, 700, batch)
    return (x, times, x_s, times + 100.5, z_s), {"encoder_hidden_states": text}


def randomize(dot):
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in dot.own_parameters():
            p.add_(torch.randn(p.shape, generator=random) * 0.1)


def test_untrained_it_changes_nothing(source):
    _, dot = build(source)
    seen, text = inputs()
    assert torch.count_nonzero(dot(*seen, **text)) == 0


def test_untrained_it_turns_a_v_estimate_exactly(source):
    folder, dot = build(source, "v_prediction")
    (x, t, x_s, t_s, _), text = inputs()
    t, t_s = t.round(), t_s.round()
    bar = folder.alphas_cumprod[torch.stack([t, t_s]).long()][..., None, None, None]
    (a, a_s), (s, s_s) = bar.sqrt(), (1 - bar).sqrt()
    noise = torch.randn_like(x_s)
    start = (x_s - s_s * noise) / a_s
    z_s = a_s * noise - s_s * start
    turned = z_s + dot(x, t, x_s, t_s, z_s, **text)
    torch.testing.assert_close(turned, a * noise - s * start, rtol=1e-4, atol=1e-4)


def test_parameters_are_those_of_dash(source):
    folder, dot = build(source)
    of_dash = {id(p) for p in folder.unet.parameters()}
    shared = [p for n, p in dot.named_parameters() if not is_own(n)]
    assert shared and all(id(p) in of_dash and not p.requires_grad for p in shared)
    assert not of_dash & {id(p) for p in dot.own_parameters()}
    assert dot.trunk.branches > 10


@pytest.fixture
def cached(source, tmp_path):
    random = torch.Generator().manual_seed(2)
    path = tmp_path / "cache.pt"
    states = torch.randn(5, 77, 16, generator=random).half()
    torch.save(
        {"latents": torch.randn(5, 4, 16, 16, generator=random).half(), "size": 32,
         "conditions": {"encoder_hidden_states": states},
         "empty": {"encoder_hidden_states": states[:1]}}, path)
    return path


def arguments(checkpoint, cache, steps, **more):
    return argparse.Namespace(
        checkpoint=checkpoint, cache=cache, steps=steps, batch=2, rate=1e-3, ema=0.9, log=100,
        save=100, bf16=False, logs=None, **{"gradient_checkpointing": False, **more})


def test_training_changes_dot_alone_and_resumes(source, cached, tmp_path, capsys):
    folder, dot = build(source)
    checkpoint = tmp_path / "dot.pt"
    save_dot(checkpoint, dot)
    before = {n: p.clone() for n, p in folder.unet.named_parameters()}
    train(folder, arguments(checkpoint, cached, 2, gradient_checkpointing=True))
    trained = load_dot(checkpoint, folder.unet, folder.alphas_cumprod)
    changed = {n for n, p in trained.own_state().items() if not torch.equal(p, dot.own_state()[n])}
    assert "out.weight" in changed
    assert all(torch.equal(p, before[n]) for n, p in folder.unet.named_parameters())
    train(open_folder(source), arguments(checkpoint, cached, 3))
    assert "resumed at step 2" in capsys.readouterr().out


def test_a_checkpoint_of_other_sizes_is_refused(source, tmp_path):
    folder, dot = build(source)
    state = {**dot.own_state(), "stem.bias": torch.zeros(3)}
    save_dot(tmp_path / "dot.pt", dot, state)
    with pytest.raises(ValueError, match="stem.bias"):
        load_dot(tmp_path / "dot.pt", folder.unet, folder.alphas_cumprod)


def test_an_inpainting_dot_sees_the_mask_from_cache_to_export(tmp_path):
    torch.manual_seed(0)
    source = tmp_path / "model"
    tiny_stable_diffusion(source, inpaints=True)
    tiny_pictures(tmp_path / "pictures", 3)
    base = ["--from", str(source), "--checkpoint", str(tmp_path / "dot.pt")]
    dot_command(["init", *base, "--width", "16", "--rank", "2"])
    cache = ["--cache", str(tmp_path / "cache.pt")]
    dot_command(["cache", "--from", str(source), "--pictures", str(tmp_path / "pictures"), *cache,
                 "--size", "32", "--masks", "2"])
    beside = torch.load(tmp_path / "cache.pt", weights_only=True)["beside"].float()
    assert beside.shape == (3, 2, 5, 16, 16)
    assert set(beside[:, :, 0].unique().tolist()) == {0.0, 1.0}
    dot_command(["train", *base, *cache, "--batch", "2", "--steps", "2"])
    folder = open_folder(source)
    dot = load_dot(tmp_path / "dot.pt", folder.unet, folder.alphas_cumprod)
    randomize(dot)
    (x, t, x_s, t_s, z_s), text = inputs()
    wide = torch.cat([x, beside[:2, 0]], dim=1)
    with torch.no_grad():
        residual = dot(wide, t, x_s, t_s, z_s, **text)
        other = dot(torch.cat([x, 1 - beside[:2, 0]], dim=1), t, x_s, t_s, z_s, **text)
    assert (residual - other).abs().max() > 1e-3
    write_unets(folder, dot, tmp_path / "out", half=False)
    names = ("sample", "timestep", "dash_sample", "dash_timestep", "dash_output")
    seen = (wide, t, x_s, t_s, z_s)
    given = {n: v.numpy() for n, v in zip(names, seen)} | {k: v.numpy() for k, v in text.items()}
    session = onnxruntime.InferenceSession(tmp_path / "out/unet/dot.onnx")
    np.testing.assert_allclose(session.run(None, given)[0], residual, rtol=0, atol=2e-4)


def test_a_cache_without_masks_does_not_train_an_inpainting_dot(cached, tmp_path):
    tiny_stable_diffusion(tmp_path / "model", inpaints=True)
    folder = open_folder(tmp_path / "model")
    save_dot(tmp_path / "dot.pt", LatentDot(folder.unet, folder.alphas_cumprod, LatentDotConfig(**SMALL)))
    with pytest.raises(ValueError, match="holds 0 channels beside the latents, and Dash takes 5"):
        train(folder, arguments(tmp_path / "dot.pt", cached, 1))


def places(path):
    model = onnx.load(str(path), load_external_data=False)
    entries = [{e.key: e.value for e in t.external_data} for t in model.graph.initializer]
    return {(int(e["offset"]), int(e["length"])) for e in entries if e}


def test_export_shares_one_file_and_agrees(source, tmp_path):
    folder, dot = build(source)
    randomize(dot)
    seen, text = inputs(3, 24, 40)
    with torch.no_grad():
        estimate = folder.unet(seen[2], seen[3], **text, return_dict=False)[0]
        residual = dot(*seen, **text)
    write_unets(folder, dot, tmp_path, half=False)
    dash, other = places(tmp_path / "unet/model.onnx"), places(tmp_path / "unet/dot.onnx")
    shared = sum(length for _, length in dash & other)
    assert shared > 0.7 * sum(length for _, length in dash)
    names = ("sample", "timestep", "dash_sample", "dash_timestep", "dash_output")
    given = {n: v.numpy() for n, v in zip(names, seen)} | {k: v.numpy() for k, v in text.items()}
    session = onnxruntime.InferenceSession(tmp_path / "unet/dot.onnx")
    np.testing.assert_allclose(session.run(None, given)[0], residual, rtol=0, atol=2e-4)
    of_dash = {"sample": given["dash_sample"], "timestep": given["dash_timestep"],
               "encoder_hidden_states": given["encoder_hidden_states"]}
    session = onnxruntime.InferenceSession(tmp_path / "unet/model.onnx")
    np.testing.assert_allclose(session.run(None, of_dash)[0], estimate, rtol=0, atol=2e-4)


def test_every_size_runs_whatever_the_depth(source, tmp_path):
    """At its deepest level a U-Net of four must not be traced with a single position."""
    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=2,
    ).eval().requires_grad_(False)
    folder = replace(open_folder(source), unet=unet)
    dot = LatentDot(unet, folder.alphas_cumprod, LatentDotConfig(**SMALL)).eval()
    randomize(dot)
    write_unets(folder, dot, tmp_path, half=False)
    session = onnxruntime.InferenceSession(tmp_path / "unet/dot.onnx")
    for batch, height, width in ((1, 32, 96), (2, 64, 64)):
        seen, text = inputs(batch, height, width)
        with torch.no_grad():
            residual = dot(*seen, **text)
        names = ("sample", "timestep", "dash_sample", "dash_timestep", "dash_output")
        given = {n: v.numpy() for n, v in (*zip(names, seen), *text.items())}
        np.testing.assert_allclose(session.run(None, given)[0], residual, rtol=0, atol=2e-4)


def agrees(path, given, expected):
    session = onnxruntime.InferenceSession(path)
    actual = session.run(None, {k: v.numpy() for k, v in given.items()})[0]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def test_transformers_are_exported_but_have_no_dot(tmp_path):
    torch.manual_seed(3)
    tiny_dit(tmp_path / "dit")
    folder = open_folder(tmp_path / "dit")
    write_folder(folder, None, tmp_path / "out", half=False)
    assert not (tmp_path / "out/unet").exists()
    sample, time, label = torch.randn(3, 4, 16, 16), torch.rand(3) * 999, torch.tensor([1000, 1, 2])
    with torch.no_grad():
        estimate = folder.unet(sample, time, label).sample
    agrees(tmp_path / "out/transformer/model.onnx",
           {"hidden_states": sample, "timestep": time, "class_labels": label}, estimate)
    with pytest.raises(ValueError, match="DiTTransformer2DModel.*trained Dot.*UNet2DModel can"):
        dot_command(["init", "--from", str(tmp_path / "dit"), "--checkpoint", str(tmp_path / "d")])
    with pytest.raises(FileNotFoundError, match="transformer/config.json"):
        open_folder(tmp_path)


def test_stable_diffusion_3_is_exported_for_every_size(tmp_path):
    torch.manual_seed(4)
    tiny_stable_diffusion_3(tmp_path / "sd3", t5=True)
    folder = open_folder(tmp_path / "sd3")
    write_folder(folder, None, tmp_path / "out", half=False)
    ids = T5TokenizerFast.from_pretrained(tmp_path / "out/tokenizer_3")(
        "a red fox", padding="max_length", max_length=256, return_tensors="pt").input_ids
    t5 = T5EncoderModel.from_pretrained(tmp_path / "sd3/text_encoder_3").eval()
    with torch.no_grad():
        states = t5(ids).last_hidden_state
    agrees(tmp_path / "out/text_encoder_3/model.onnx", {"input_ids": ids}, states)
    sample, time = torch.randn(3, 16, 20, 12), torch.rand(3) * 999
    states, pooled = torch.randn(3, 333, 56), torch.randn(3, 48)
    with torch.no_grad():
        estimate = folder.unet(sample, states, pooled, time).sample
    given = {"hidden_states": sample, "timestep": time, "encoder_hidden_states": states,
             "pooled_projections": pooled}
    agrees(tmp_path / "out/transformer/model.onnx", given, estimate)
    for part in ("text_encoder", "text_encoder_2"):
        graph = onnx.load(tmp_path / "out" / part / "model.onnx", load_external_data=False).graph
        assert "text_embeds" in [o.name for o in graph.output]


def test_the_refiner_of_sdxl_takes_a_score(tmp_path):
    torch.manual_seed(5)
    net = UNet2DConditionModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=32, attention_head_dim=2, addition_embed_type="text_time",
        addition_time_embed_dim=4, projection_class_embeddings_input_dim=5 * 4 + 32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")).eval()
    net.save_pretrained(tmp_path / "refiner/unet")
    DDIMScheduler().save_pretrained(tmp_path / "refiner/scheduler")
    (tmp_path / "refiner/model_index.json").write_text('{"requires_aesthetics_score": true}')
    write_unets(open_folder(tmp_path / "refiner"), None, tmp_path / "out", half=False)
    given = {"sample": torch.randn(3, 4, 16, 16), "timestep": torch.rand(3) * 999,
             "encoder_hidden_states": torch.randn(3, 77, 32), "text_embeds": torch.randn(3, 32),
             "time_ids": torch.rand(3, 5)}
    added = {k: given[k] for k in ("text_embeds", "time_ids")}
    with torch.no_grad():
        estimate = net(given["sample"], given["timestep"], given["encoder_hidden_states"],
                       added_cond_kwargs=added).sample
    agrees(tmp_path / "out/unet/model.onnx", given, estimate)


def test_the_dry_run_goes_through(capsys):
    dot_command(["train", "--dry-run"])
    assert "the dry run is through" in capsys.readouterr().out
