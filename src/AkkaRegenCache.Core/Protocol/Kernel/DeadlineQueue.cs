using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace AkkaRegenCache.Protocol;

/// <summary>Something that wants attention at a time, and has one place in a <see cref="DeadlineQueue{T}"/>.</summary>
internal abstract class Timed
{
    /// <summary>Where it stands in its queue; -1: it doesn't. The queue's alone.</summary>
    internal int Place { get; set; } = -1;

    /// <summary>When it wants attention; <see cref="long.MaxValue"/>: never.</summary>
    public abstract long NextDeadline { get; }

    /// <summary>Whether it has ended: it wants no attention any more, whatever its deadline says.</summary>
    public virtual bool IsOver => false;
}

/// <summary>
/// An indexed binary heap of deadlines: each thing stands in it at most once, knows its place, and can be taken out. What has ended is not referenced
/// from here any more, so a queue holds what lives and nothing else.
/// </summary>
/// <remarks>
/// The framework's priority queue finds what it is to remove by looking through all of it; leaving ended things in it until their time comes kept every
/// ended run for as long as a generator may take. For one thread.
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
    /// Puts something where its deadline says, or moves it there if that is earlier than where it stands. A later one leaves it where it is: it is looked at too
    /// soon, and then put where it belongs.
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

    /// <summary>Takes out what stands first, if its time has come.</summary>
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

    /// <summary>Takes something out; nothing happens where it doesn't stand in the queue.</summary>
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

        // What a burst needed is given back when it is over; at half, so that it isn't taken again at once.
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
