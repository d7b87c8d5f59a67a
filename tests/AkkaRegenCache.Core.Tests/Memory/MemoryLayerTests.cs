using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

public sealed class MemoryLayerTests
{
    [Fact]
    public void A_key_that_was_set_is_found_with_all_that_was_given()
    {
        MemoryLayer layer = Layers.Of(10);
        object generator = new();

        Assert.Equal(SetOutcome.Admitted, layer.Set("a", 42, null, generator, token: 7, size: 100, out MemoryEntry? entry));

        Assert.Same(entry, layer.Find("a"));
        Assert.Equal(("a", 42, 7L, 100), (entry!.Key, entry.Value, entry.Token, entry.Size));
        Assert.Null(entry.Payload);
        Assert.Same(generator, entry.Generator);
        Assert.Equal((1, 100), (layer.Count, layer.Bytes));
    }

    [Fact]
    public void A_key_that_was_never_set_is_not_found()
    {
        MemoryLayer layer = Layers.Of(10);
        layer.Put("a", 1);

        Assert.Null(layer.Find("b"));
        Assert.False(layer.TryGet("", out _));
    }

    [Fact]
    public void A_key_is_found_by_an_equal_string_of_any_length()
    {
        MemoryLayer layer = Layers.Of(1000);
        for (int length = 0; length < 100; length++)
            layer.Put(new string('x', length), length);

        for (int length = 0; length < 100; length++)
            Assert.Equal(length, layer.Read(new string('x', length)));
    }

    [Fact]
    public void Setting_a_key_again_replaces_the_value_in_the_same_entry()
    {
        MemoryLayer layer = Layers.Of(10, maxBytes: 1000);
        layer.Set("a", "old", null, null, 1, 10, out MemoryEntry? first);

        Assert.Equal(SetOutcome.Replaced, layer.Set("a", "new", null, null, 2, 30, out MemoryEntry? second));

        Assert.Same(first, second);
        Assert.Equal(("new", 2L), (first!.Value, first.Token));
        Assert.Equal((1, 30), (layer.Count, layer.Bytes));
        Assert.Empty(layer.Evicted);
    }

    [Fact]
    public void A_removed_key_is_neither_found_nor_shown_by_an_entry_somebody_still_holds()
    {
        MemoryLayer layer = Layers.Of(10);
        layer.Set("a", "value", null, null, 1, 10, out MemoryEntry? entry);

        Assert.True(layer.Remove("a"));

        Assert.Null(layer.Find("a"));
        Assert.True(entry!.IsRemoved);
        Assert.False(entry.TryRead(out _, out _));
        Assert.Null(entry.Value);
        Assert.Equal((0, 0), (layer.Count, layer.Bytes));
        Assert.False(layer.Remove("a"));
        layer.Remove(entry);
        Assert.Equal(0, layer.Count);
    }

    [Fact]
    public void A_key_set_after_its_removal_gets_a_new_entry_and_the_old_one_stays_dead()
    {
        MemoryLayer layer = Layers.Of(10);
        layer.Set("a", "old", null, null, 1, 10, out MemoryEntry? old);
        layer.Remove("a");

        Assert.Equal(SetOutcome.Admitted, layer.Set("a", "new", null, null, 2, 10, out MemoryEntry? fresh));

        Assert.NotSame(old, fresh);
        Assert.Equal("new", layer.Read("a"));
        Assert.Null(old!.Value);
        Assert.Throws<InvalidOperationException>(() => layer.Replace(old, "zombie", null, null, 3, 1));
    }

    [Fact]
    public void A_payload_is_shown_as_payload_until_it_is_materialized()
    {
        MemoryLayer layer = Layers.Of(10);
        byte[] payload = [1, 2, 3];
        layer.Set("a", null, payload, null, 1, 3, out MemoryEntry? entry);

        Assert.Null(entry!.Value);
        Assert.Same(payload, entry.Payload);
        Assert.True(entry.TryMaterialize(payload, "value"));
        Assert.Equal("value", entry.Value);
        Assert.Null(entry.Payload);
        Assert.False(entry.TryMaterialize(payload, "again"));
    }

    [Fact]
    public void A_late_materialization_does_not_cover_what_came_after_its_payload()
    {
        MemoryLayer layer = Layers.Of(10);
        byte[] payload = [1], newer = [2];
        layer.Set("a", null, payload, null, 1, 1, out MemoryEntry? entry);
        layer.Set("a", null, newer, null, 2, 1, out _);

        Assert.False(entry!.TryMaterialize(payload, "old"));
        Assert.Same(newer, entry.Payload);

        layer.Remove("a");
        Assert.False(entry.TryMaterialize(newer, "removed"));
        Assert.Null(entry.Value);
    }

    [Fact]
    public void An_entry_with_neither_value_nor_payload_is_kept_and_shows_nothing()
    {
        MemoryLayer layer = Layers.Of(10);
        layer.Set("a", "value", null, null, 1, 100, out MemoryEntry? entry);

        layer.Replace(entry!, null, null, entry!.Generator, 1, 0);

        Assert.Same(entry, layer.Find("a"));
        Assert.False(entry.TryRead(out _, out _));
        Assert.False(entry.IsRemoved);
        Assert.Equal((1, 0), (layer.Count, layer.Bytes));
    }

    [Fact]
    public void Value_and_payload_together_are_refused()
    {
        MemoryLayer layer = Layers.Of(10);

        Assert.Throws<ArgumentException>(() => layer.Set("a", "value", new object(), null, 1, 1, out _));
        Assert.Null(layer.Find("a"));
        Assert.Equal(0, layer.Count);
    }

    [Fact]
    public void A_hit_leaves_the_epoch_in_the_entry()
    {
        MemoryLayer layer = Layers.Of(10);
        layer.AdvanceEpoch();
        layer.Set("a", 1, null, null, 1, 1, out MemoryEntry? entry);
        Assert.Equal(1, entry!.Epoch);

        Assert.Equal(2, layer.AdvanceEpoch());
        Assert.Equal(1, entry.Epoch);
        layer.Read("a");

        Assert.Equal(2, entry.Epoch);
    }

    [Fact]
    public void When_full_another_entry_goes_and_is_reported()
    {
        MemoryLayer layer = Layers.Of(2);
        layer.Put("a", 1);
        layer.Put("b", 2);

        Assert.Equal(SetOutcome.Admitted, layer.Put("c", 3));

        MemoryEntry evicted = Assert.Single(layer.Evicted);
        Assert.True(evicted.IsRemoved);
        Assert.Null(layer.Find(evicted.Key));
        Assert.Equal(3, layer.Read("c"));
        Assert.Equal(2, layer.Count);
    }

    [Fact]
    public void A_layer_of_one_entry_works()
    {
        MemoryLayer layer = Layers.Of(1);
        for (int i = 0; i < 100; i++)
        {
            layer.Put($"k{i}", i);
            Assert.Equal(i, layer.Read($"k{i}"));
            Assert.Equal(1, layer.Count);
        }
    }

    [Fact]
    public void A_value_larger_than_the_whole_bound_is_refused_and_costs_nobody_a_place()
    {
        MemoryLayer layer = Layers.Of(10, maxBytes: 100);
        layer.Put("a", 1, size: 100);

        Assert.Equal(SetOutcome.Refused, layer.Put("b", 2, size: 101));

        Assert.Equal(1, layer.Read("a"));
        Assert.Null(layer.Find("b"));
        Assert.Empty(layer.Evicted);
    }

    [Fact]
    public void A_value_that_grows_evicts_others_and_never_itself()
    {
        MemoryLayer layer = Layers.Of(10, maxBytes: 100);
        for (int i = 0; i < 10; i++)
            layer.Put($"k{i}", i, size: 10);

        Assert.Equal(SetOutcome.Replaced, layer.Put("k0", "large", size: 95));

        Assert.Equal("large", layer.Read("k0"));
        Assert.Equal(9, layer.Evicted.Count);
        Assert.Equal((1, 95), (layer.Count, layer.Bytes));
    }

    [Fact]
    public void A_value_that_grows_beyond_the_bound_is_dropped()
    {
        MemoryLayer layer = Layers.Of(10, maxBytes: 100);
        layer.Put("a", 1, size: 10);
        layer.Put("b", 2, size: 10);

        Assert.Equal(SetOutcome.Dropped, layer.Set("a", "huge", null, null, 2, 101, out MemoryEntry? entry));

        Assert.Null(entry);
        Assert.Null(layer.Find("a"));
        Assert.Equal(2, layer.Read("b"));
        Assert.Equal((1, 10), (layer.Count, layer.Bytes));
    }

    [Fact]
    public void A_full_layer_that_stops_admitting_refuses_new_keys_and_replaces_old_ones()
    {
        MemoryLayer layer = Layers.Of(2, maxBytes: 100, MemoryPolicy.StopAdmitting);
        layer.Put("a", 1, size: 10);
        layer.Put("b", 2, size: 10);

        Assert.Equal(SetOutcome.Refused, layer.Put("c", 3, size: 10));
        Assert.Equal(SetOutcome.Replaced, layer.Put("a", 11, size: 90));
        Assert.Equal(SetOutcome.Dropped, layer.Put("b", 22, size: 11));

        Assert.Equal(11, layer.Read("a"));
        Assert.Equal(SetOutcome.Admitted, layer.Put("c", 3, size: 10));
        Assert.Equal(SetOutcome.Refused, layer.Put("d", 4, size: 0));
        Assert.Empty(layer.Evicted);
    }

    [Fact]
    public void Clear_leaves_an_empty_layer_that_can_be_used_again()
    {
        MemoryLayer layer = Layers.Of(100);
        for (int i = 0; i < 300; i++)
            layer.Put($"k{i}", i);
        MemoryEntry some = layer.Find("k299")!;

        layer.Clear();

        Assert.Equal((0, 0), (layer.Count, layer.Bytes));
        Assert.Empty(layer.Keys());
        Assert.Null(some.Value);
        layer.Put("k299", "again");
        Assert.Equal("again", layer.Read("k299"));
    }

    [Fact]
    public void The_writer_may_remove_while_it_enumerates()
    {
        MemoryLayer layer = Layers.Of(1000);
        for (int i = 0; i < 500; i++)
            layer.Put($"k{i}", i);

        int seen = 0;
        foreach (MemoryEntry entry in layer)
        {
            seen++;
            if ((int)entry.Value! % 2 == 0)
                layer.Remove(entry);
        }

        Assert.Equal(500, seen);
        Assert.Equal(250, layer.Keys().Count);
    }

    [Fact]
    public void Bounds_below_one_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Of(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Of(1, maxBytes: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layers.Of(1).Put("a", 1, size: -1));
    }
}
