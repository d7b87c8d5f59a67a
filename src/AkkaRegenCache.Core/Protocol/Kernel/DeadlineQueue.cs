using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace AkkaRegenCache.Protocol;

/// <summary>An item with a deadline, which is in a <see cref="DeadlineQueue{T}"/> at most once.</summary>
internal abstract class Timed
{
    /// <summary>The item's index in its queue; -1: it is in none. Only the queue sets it.</summary>
    internal int Place { get; set; } = -1;

    /// <summary>When the item is to be served; <see cref="long.MaxValue"/>: never.</summary>
    public abstract long NextDeadline { get; }

    /// <summary>Whether the item has ended and must not be served, whatever its deadline is.</summary>
    public virtual bool IsOver => false;
}

/// <summary>
/// An indexed binary heap of deadlines. Each item is in it at most once, knows its index and can be removed. The queue does not reference
/// ended items.
/// </summary>
/// <remarks>
/// The framework's priority queue searches all items to remove one. Leaving ended items until their deadline would keep each ended run for
/// as long as a generator may take. Not thread-safe.
/// </remarks>
internal sealed class DeadlineQueue<T>
    where T : Timed
{
    private const int FewestPlaces = 16;

    private (T Timed, long At)[] _heap = new (T, long)[FewestPlaces];

    public int Count { get; private set; }

    /// <summary>The earliest deadline; <see cref="long.MaxValue"/>: there is none.</summary>
    public long First => Count == 0 ? long.MaxValue : _heap[0].At;

    /// <summary>
    /// Adds an item, or moves it forward if its deadline is earlier now. A later deadline does not move it: the item is served too early
    /// and then added again.
    /// </summary>
    public void Put(T timed)
    {
        var at = timed.NextDeadline;
        if (timed.IsOver || at == long.MaxValue)
            return;
        var place = timed.Place;
        if (place < 0)
        {
            if (Count == _heap.Length)
                Array.Resize(ref _heap, Count * 2);
            place = Count++;
        }
        else if (at >= _heap[place].At)
        {
            return;
        }

        RiseFrom(place, (timed, at));
    }

    /// <summary>Removes the first item, if its deadline has passed.</summary>
    public bool TryTake(long now, [MaybeNullWhen(false)] out T timed)
    {
        if (First > now || Count == 0)
        {
            timed = null;
            return false;
        }

        timed = _heap[0].Timed;
        Remove(timed);
        return true;
    }

    /// <summary>Removes an item, if it is in the queue.</summary>
    public void Remove(T timed)
    {
        var place = timed.Place;
        if (place < 0)
            return;
        Debug.Assert(ReferenceEquals(_heap[place].Timed, timed), "it stands in another queue");
        timed.Place = -1;
        var last = _heap[--Count];
        _heap[Count] = default;
        if (place < Count)
        {
            if (place > 0 && last.At < _heap[(place - 1) / 2].At)
                RiseFrom(place, last);
            else
                SinkFrom(place, last);
        }

        // Shrink after a burst. Half of the array stays free, so that it does not grow again at once.
        if (_heap.Length > FewestPlaces && Count <= _heap.Length / 4)
            Array.Resize(ref _heap, _heap.Length / 2);
    }

    private void RiseFrom(int place, (T Timed, long At) node)
    {
        while (place > 0)
        {
            var parent = (place - 1) / 2;
            if (_heap[parent].At <= node.At)
                break;
            Set(place, _heap[parent]);
            place = parent;
        }

        Set(place, node);
    }

    private void SinkFrom(int place, (T Timed, long At) node)
    {
        while ((2 * place) + 1 is var child && child < Count)
        {
            if (child + 1 < Count && _heap[child + 1].At < _heap[child].At)
                child++;
            if (node.At <= _heap[child].At)
                break;
            Set(place, _heap[child]);
            place = child;
        }

        Set(place, node);
    }

    private void Set(int place, (T Timed, long At) node)
    {
        _heap[place] = node;
        node.Timed.Place = place;
    }
}
